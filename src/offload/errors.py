"""The errors that doors raise; each carries a sentence for people.

- OffloadError
  - NftError: nft refused, is missing or did not answer; the kernel's state is unchanged
  - KernelError: a netlink request failed
  - BusError: ubus is away or answered nonsense
    - AbsentError: nobody is there to be asked
  - FileError: a file of a router directory cannot be read or written
  - UsageError: an argument of the command or of a ubus method cannot be meant
  - StartingError: the service has not read the router yet
"""


class OffloadError(Exception):
    """Base: `str()` is a sentence that can be shown as it is."""


class NftError(OffloadError):
    """nft did not do it. The sentence is nft's own where nft spoke."""


class KernelError(OffloadError):
    """The kernel refused a netlink request."""


class BusError(OffloadError):
    """ubus cannot be reached, or the reply is not what netifd documents."""


class AbsentError(BusError):
    """ubusd is not reachable, or it knows no such object."""


class FileError(OffloadError):
    """A file of a router directory is missing, unreadable or malformed."""


class UsageError(OffloadError):
    """An argument cannot be meant; the sentence names the argument and what it may be."""


class StartingError(OffloadError):
    """The service has not read the router yet; it soon will have."""
