"""The errors for the user. Each has a sentence; an NftError also has its cause (NftFault), by which callers decide.

- OffloadError
  - NftError: nft refused, is missing or did not answer; the kernel's state is unchanged, unless nft was too slow
  - KernelError: netlink cannot be used, the kernel refused a request, or /proc/net/dev cannot be read
  - BusError: ubus cannot be reached, or a reply has an unexpected form
    - AbsentError: no ubusd, or no such object on it
  - FileError: a file or directory cannot be read or written, or does not have what a command needs
  - UsageError: an argument of the command or of a ubus method is not valid
  - StartingError: the service has not read the router yet
  - RunningError: a service is running already
"""

from enum import Enum, auto


class OffloadError(Exception):
    """Base class; `str()` is a sentence that can be shown to the user."""


class NftFault(Enum):
    """Why a run of nft failed: it refused the text, the kernel refused it (now, or for ever), nft is missing, ...

    FAILED is any other cause.
    """

    FAILED = auto()  # any other cause
    REFUSED = auto()  # nft does not understand the text
    KERNEL_REFUSED = auto()  # the kernel refuses it at this moment: a device is gone or busy
    NOT_SUPPORTED = auto()  # EOPNOTSUPP: the kernel or a driver can never do it
    NOT_PERMITTED = auto()  # EPERM
    NO_PROGRAM = auto()  # nft is not installed
    NO_JSON = auto()  # nft was built without JSON
    SILENT = auto()  # no answer in time


class NftError(OffloadError):
    """nft failed, or the kernel did not list its nft tables over netlink (no KernelError then). `fault`: the cause.

    The sentence is nft's own if it printed one, else ours. `places`: (file, line) of each error that nft printed;
    `/dev/stdin`: the text sent. `package`: the missing OpenWrt package, which `str()` advises to install; or empty.
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
    """The kernel refused a netlink request, or does not answer over netlink, or /proc/net/dev cannot be read."""


class BusError(OffloadError):
    """A call over ubus failed: no ubusd, no such object, no reply in time, or a reply of an unexpected form."""


class AbsentError(BusError):
    """ubusd cannot be reached, or it does not know the object."""


class FileError(OffloadError):
    """A file or directory is missing, malformed, or cannot be read or written, or does not have what a command needs.

    The files are those of the router, or of a directory that stands for one (`--root DIR`).
    """


class UsageError(OffloadError):
    """An argument is not valid. The sentence says which or why, and what may be written where that can be listed."""


class StartingError(OffloadError):
    """The service started just now and has not read the router yet, so it cannot answer; try again soon."""


class RunningError(OffloadError):
    """The service cannot start: another process runs as the service already, or it is not known whether one does."""
