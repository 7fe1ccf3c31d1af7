"""Results: Applied, of a pass or a return; and Cut, of deleted connections."""

from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a pass (it sends the nft tables that differ) or of a return (it creates tables again).

    A return puts the flows of the tables that it creates again back on the slow path. After an error, transactions that
    nft accepted before it stay in the kernel.
    """

    generation: int = 0  # how many passes and returns changed the kernel so far, also those that failed after that
    time: str = ""  # of the last of these, ISO 8601 in UTC; empty: there was none
    changes: int = 0  # transactions of this pass or return that nft accepted, also before an error
    # why it failed: nft's sentence, or that router or files cannot be read; empty: it did not fail. Why nft refused a
    # ruleset of our firewall is not here, but in `engine.firewall.error`
    error: str = ""
    returned: tuple[str, ...] = ()  # tables that were created again or deleted: their flows went to the slow path
    made: tuple[str, ...] = ()  # tables that were created; of these, `returned` lacks those that did not exist before
    loaded: bool = False  # the pass loaded the firewall
    # after an error: tables still to be created, as traffic that became slow has flows there
    owed: tuple[str, ...] = ()

    def then(
        self, changes: int, time: str, error: str = "", returned: tuple[str, ...] = (), made: tuple[str, ...] = ()
    ) -> "Applied":
        """The Applied that follows this one, for a pass or return that sent `changes` transactions and ended at `time`.

        With 0 changes it has the generation and time of this one, and `returned` and `made` are empty. `loaded` of the
        result is False.
        """
        if not changes:
            return Applied(self.generation, self.time, error=error)
        return Applied(self.generation + 1, time, changes, error, returned, made)

    def with_attempt(self, last: "Applied") -> "Applied":
        """One Applied for two parts of a pass: this one, and `last`, the part after it.

        Changes are added, `returned` and `made` are joined without repeats, and `loaded` is True if one of them has it.
        The error is that of `last`, and `owed` has no table that `last` created. Generation and time are those of
        `last`, or of this one if `last` has no changes.
        """
        counting = last if last.changes else self
        returned = tuple(dict.fromkeys((*self.returned, *last.returned)))
        made = tuple(dict.fromkeys((*self.made, *last.made)))
        changes = self.changes + last.changes
        loaded = self.loaded or last.loaded
        owed = tuple(dict.fromkeys((*(name for name in self.owed if name not in last.made), *last.owed)))
        return Applied(counting.generation, counting.time, changes, last.error, returned, made, loaded, owed)


@dataclass(frozen=True, slots=True)
class Cut:
    """The result of deleting conntrack entries: how many were to be deleted (`asked`), and how many were (`ended`).

    `error`: a sentence about an error; empty: none.
    """

    asked: int = 0
    ended: int = 0
    error: str = ""
