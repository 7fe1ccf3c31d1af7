"""The outcomes of a pass, which brings the kernel's tables up to date, and of a cut, which ends connections."""

from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of the last pass: the service read the router, and changed its tables in the kernel where needed."""

    generation: int = 0  # number of passes that changed the kernel
    time: str = ""  # of the last of them, ISO 8601 in UTC; empty: there was none
    changes: int = 0  # transactions that the last pass sent
    error: str = ""  # sentence about the transaction that failed, so the state before it remains; empty: none failed
    returned: tuple[str, ...] = ()  # tables whose flows all went back to the slow path
    loaded: bool = False  # the pass loaded the firewall


@dataclass(frozen=True, slots=True)
class Cut:
    """The result of deleting conntrack entries: how many were wanted, how many were deleted, and the first error.

    Without an error, those that were not deleted had ended already.
    """

    asked: int = 0
    ended: int = 0
    error: str = ""
