"""The outcomes of a pass, which brings the kernel's tables up to date, and of a cut, which ends connections."""

from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of the last pass, in which the service reads the router and changes our tables where they differ.

    After an error the pass ends: transactions before it (`changes`) stay in the kernel, and `generation` is as before.
    """

    generation: int = 0  # number of passes that changed the kernel, without those that failed
    time: str = ""  # of the last pass that counts so, ISO 8601 in UTC; empty: there was none
    changes: int = 0  # transactions that the last pass sent
    error: str = ""  # why the pass failed: a transaction, or an unreadable configuration file; empty: it did not
    returned: tuple[str, ...] = ()  # tables whose flows all went back to the slow path
    loaded: bool = False  # the pass loaded the firewall


@dataclass(frozen=True, slots=True)
class Cut:
    """The result of deleting conntrack entries: how many were to be deleted (`asked`), and how many were (`ended`).

    `error`: the sentence about the first error; empty: none, so that those not deleted had ended by themselves before.
    """

    asked: int = 0
    ended: int = 0
    error: str = ""
