"""When to check whether a configuration file was written after a pass (which reads and applies all) read it.

Pure; the caller gives the time. If a pass reads a file between two writes, no event follows. So the files' modification
times are checked after each pass, with growing pauses, and another pass is made only if one changed.
"""

from offload.nouns import dataclass, field

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds


@dataclass(slots=True)
class ConfigCheck:
    """When to check the files' times next: `due`, in monotonic seconds; None: not before the next pass."""

    due: float | None = None
    _left: list[float] = field(default_factory=list)

    def passed(self, now: float) -> None:
        """Note that a pass read the files at `now` (monotonic seconds): `due` is the shortest of PAUSES later."""
        self._left = list(PAUSES)
        self.asked(now)

    def asked(self, now: float) -> None:
        """Note that the files were checked at `now`: `due` is a longer pause later, and None after the last pause."""
        self.due = now + self._left.pop(0) if self._left else None
