"""The exceptions whose text is a sentence for the user. Each is below its base class.

- OffloadError
  - NftError: of nft, or of the kernel's nft tables
  - KernelError: of the kernel otherwise
  - BusError: of ubus
    - AbsentError: ubus, or an object on it, is not there
  - FileError: of a file or directory
  - UsageError, and its subclasses QueryError and ArgumentError: of an argument that the user or a ubus caller gave
  - StartingError: the service has not read the router yet
  - RunningError: a service is running already
"""

from enum import Enum, auto


class OffloadError(Exception):
    """Base class; `str()` is a sentence that can be shown to the user."""


class NftFault(Enum):
    """The cause of an NftError, as far as it is known."""

    FAILED = auto()  # another cause, or not known
    REFUSED = auto()  # nft refuses the text
    KERNEL_REFUSED = auto()  # the kernel refuses it at this moment, as where a device is gone or busy
    NOT_SUPPORTED = auto()  # EOPNOTSUPP: the kernel or a driver can never do it
    NOT_PERMITTED = auto()  # EPERM
    NO_PROGRAM = auto()  # nft is not installed
    NO_JSON = auto()  # nft was built without JSON, or printed something else
    SILENT = auto()  # nft ran too long and was killed


class NftError(OffloadError):
    """The program nft failed, or the kernel did not list its nft tables over netlink.

    `sentence`: what happened. `fault`: the cause. `places`: (file, line) of the errors that nft printed; the file
    `/dev/stdin` is the text that was sent. `package`: the OpenWrt package to install; empty: none. `str()` gives the
    sentence, and the package if there is one.
    """

    def __init__(
        self,
        sentence: str,
        fault: NftFault = NftFault.FAILED,
        places: tuple[tuple[str, int], ...] = (),
        package: str = "",
    ) -> None:
        super().__init__(f"{sentence}: install {package}" if package else sentence)
        self.sentence, self.fault, self.places, self.package = sentence, fault, places, package


class KernelError(OffloadError):
    """Netlink cannot be used, the kernel refused a netlink request, or /proc/net/dev cannot be read.

    For requests about nft tables it is an NftError instead.
    """


class BusError(OffloadError):
    """Ubus cannot be used, a call over it failed, or a reply has an unexpected form."""


class AbsentError(BusError):
    """The Python module ubus is missing, ubusd cannot be reached, or it does not know the called object."""


class FileError(OffloadError):
    """A file or directory is missing, malformed or locked, cannot be read or written, or does not fit the command."""


class UsageError(OffloadError):
    """An argument of the command or of a ubus method is not valid."""


class StartingError(OffloadError):
    """The service cannot answer yet, because it started just now and has not read the router."""


class RunningError(OffloadError):
    """The service cannot start, because another process is the service already, or that cannot be found out."""
