"""When to ask whether a configuration file was written again after a pass read it. Pure; the caller brings the time.

No event follows when a pass reads a file between two writes of its writer. So the files are asked for some times after
each pass, with growing pauses; that costs a stat() for each, and another pass only where one has changed.
"""

from offload.nouns import dataclass, field

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds


@dataclass(slots=True)
class ConfigCheck:
    """`due`: when to ask next, in seconds that never jump; None: not before the next pass."""

    due: float | None = None
    _left: list[float] = field(default_factory=list)

    def passed(self, now: float) -> None:
        """A pass has read the files."""
        self._left = list(PAUSES)
        self.asked(now)

    def asked(self, now: float) -> None:
        """The files were asked for."""
        self.due = now + self._left.pop(0) if self._left else None
