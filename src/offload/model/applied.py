"""The outcomes of a pass, which brings the kernel's tables up to date, and of a cut, which ends connections."""

from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of a pass (router read, nft tables changed where they differ) or of a return (tables created again).

    A return reads nothing; flows of its tables take the slow path for some packets. After an error the rest is not
    done: transactions sent before it (`changes`) stay in the kernel.
    """

    generation: int = 0  # number of passes and returns so far that changed the kernel, also of those that failed then
    time: str = ""  # of the last one that counts so, ISO 8601 in UTC; empty: there was none
    changes: int = 0  # transactions that this pass or return sent, also before an error
    # why it failed: nft's sentence, or that router or files cannot be read; empty: it did not, but nft may have refused
    # a new ruleset of our firewall (`engine.firewall.error`)
    error: str = ""
    returned: tuple[str, ...] = ()  # tables that were created again or deleted: their flows went to the slow path
    loaded: bool = False  # the pass loaded the firewall

    def then(self, changes: int, time: str, error: str = "", returned: tuple[str, ...] = ()) -> "Applied":
        """The outcome that follows this one: of a pass or return that sent `changes` transactions and ended at `time`.

        With 0 changes generation and time stay, and `returned` of the result is empty. `loaded` of the result is False.
        `error`, `returned`: as the fields of these names.
        """
        if not changes:
            return Applied(self.generation, self.time, error=error)
        return Applied(self.generation + 1, time, changes, error, returned)

    def with_attempt(self, last: "Applied") -> "Applied":
        """The outcome of a pass in two attempts or parts: this one, then `last`, which began with the same generation.

        Changes are added, returned tables joined, and `loaded` is true if it is in one of them. The error is that of
        `last`; generation and time are those of the last part that changed the kernel.
        """
        counting = last if last.changes else self
        returned = tuple(dict.fromkeys((*self.returned, *last.returned)))
        changes = self.changes + last.changes
        return Applied(counting.generation, counting.time, changes, last.error, returned, self.loaded or last.loaded)


@dataclass(frozen=True, slots=True)
class Cut:
    """The result of deleting conntrack entries: how many were to be deleted (`asked`), and how many were (`ended`).

    `error`: the sentence about the first error; empty: none, and entries that were not deleted did not exist any more.
    Entries of protocols without ports (ICMP) are in neither number.
    """

    asked: int = 0
    ended: int = 0
    error: str = ""
