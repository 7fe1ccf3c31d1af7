"""The priorities of lines in the system log, and the words for them in `option log_level`."""

from enum import IntEnum


class LogLevel(IntEnum):
    """The priorities of syslog(3) that the service uses, from ERR (3) to DEBUG (7): smaller ones are more important."""

    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7

    @classmethod
    def of(cls, word: str) -> "LogLevel":
        """The level that a word names in whatever case (err, warning, notice, info, debug); KeyError for others."""
        return cls[word.upper()]

    @property
    def word(self) -> str:
        """The level as `option log_level` has it: err, warning, notice, info or debug."""
        return self.name.lower()
