"""When to check whether a configuration file was written after the last pass read it.

Pure; the caller gives the time. A pass may read a file between two writes, and no event follows the second one.
"""

from offload.nouns import dataclass, field

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds


@dataclass(slots=True)
class ConfigCheck:
    """When to check the files' times next: `due`, in monotonic seconds; None: not before the next pass."""

    due: float | None = None
    _left: list[float] = field(default_factory=list)

    def passed(self, now: float) -> None:
        """Note that a pass, which reads the files, ended at `now`: the first check is due 1 second later."""
        self._left = list(PAUSES)
        self.asked(now)

    def asked(self, now: float) -> None:
        """Note that the files were checked at `now`: the next check is due after a longer pause, if there is one."""
        self.due = now + self._left.pop(0) if self._left else None
