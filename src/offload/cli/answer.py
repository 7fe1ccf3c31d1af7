"""What a verb of the command answers, and the exit codes."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes; README documents them."""

    DONE = 0
    FAILED = 1  # it was not done; the sentence says why, and what was written nevertheless
    USAGE = 2  # as argparse has it
    PROBLEMS = 3  # done, as far as the configuration is good; its problems are listed
    LACKING = 4  # kernel or nft cannot do it; the package to install is named


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb has to say: to people, to programs, and to the shell."""

    text: str
    data: dict[str, Any]
    code: Exit = Exit.DONE
    notes: tuple[str, ...] = ()  # for people, on stderr
