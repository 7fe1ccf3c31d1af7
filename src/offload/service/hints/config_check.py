"""When to check whether a configuration file was written after a pass read it. Pure; the caller gives the time.

If a pass reads a file between two writes, no event follows. So the files' times are checked after each pass, with
growing pauses: a stat() for each file, and another pass only if one changed.
"""

from offload.nouns import dataclass, field

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds


@dataclass(slots=True)
class ConfigCheck:
    """`due`: when to check next, in seconds that never jump; None: not before the next pass."""

    due: float | None = None
    _left: list[float] = field(default_factory=list)

    def passed(self, now: float) -> None:
        """A pass read the files."""
        self._left = list(PAUSES)
        self.asked(now)

    def asked(self, now: float) -> None:
        """The files were checked."""
        self.due = now + self._left.pop(0) if self._left else None
