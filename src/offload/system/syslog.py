"""Write to the system log.

procd reads a service's stderr line by line and hands it to logd, so lines go to stderr. If stderr leads to /dev/null,
or is closed, they go to syslog(3).
"""

import os
import sys
from pathlib import Path

from offload.model.log import LogLevel
from offload.nouns import dataclass, field

NAME = "offload"
LONGEST = 400  # characters of a line: logd cuts a line after 1024 bytes


class SystemLog:
    """Writes lines to the system log; it never raises, and a line that cannot be written is lost."""

    def __init__(self) -> None:
        self._by_syslog = not _read_by_anyone(sys.stderr)

    def write(self, level: LogLevel, text: str) -> None:
        """Write `offload: ` and the text, which is cut to 400 characters, as one line to stderr or by syslog(3).

        Syslog(3) is used if stderr was closed or led to /dev/null at the start, and once a line could not be written to
        stderr, for that line and all later ones. `level`: the priority for syslog(3); stderr has none.
        """
        line = one_line(text)
        self._by_syslog = self._by_syslog or not _write_stderr(f"{NAME}: {line}\n")
        if self._by_syslog:
            import syslog

            syslog.syslog(level | syslog.LOG_DAEMON, f"{NAME}: {line}")


def one_line(text: str) -> str:
    """The text as one line of at most LONGEST (400) characters; each character that does not print becomes a space.

    A longer one is cut, with `...` at the end.
    """
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def _write_stderr(line: str) -> bool:
    # not by `sys.stderr`, whose buffer would keep a line that nothing reads
    try:
        os.write(sys.stderr.fileno(), line.encode(errors="replace"))
    except (OSError, ValueError):
        return False
    return True


def _read_by_anyone(stream: object) -> bool:
    try:
        found, null = os.fstat(stream.fileno()), Path(os.devnull).stat()  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
    return (found.st_dev, found.st_ino) != (null.st_dev, null.st_ino)


@dataclass(slots=True)
class FakeSystemLog:
    """A log in memory: `lines` has (level, text) of each line."""

    lines: list[tuple[LogLevel, str]] = field(default_factory=list)

    def write(self, level: LogLevel, text: str) -> None:
        """Append (level, text) to `lines`."""
        self.lines.append((level, text))
