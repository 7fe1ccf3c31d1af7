"""The result of a verb of the command (`offload VERB`), and the exit codes."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple


class Exit(IntEnum):
    """Exit codes, from DONE (0) to LACKING (4: kernel or nft lack a feature); docs/reference.md documents them."""

    DONE = 0
    FAILED = 1  # not done; the sentence has the cause, and names files that were written all the same
    USAGE = 2  # as argparse has it
    PROBLEMS = 3  # done, except for the parts of the configuration with the listed problems
    LACKING = 4  # kernel or nft cannot do it; the package to install is named


# (JSON or not, columns of the terminal) -> the answer in pieces, each one or more whole lines without the last newline.
Written = Callable[[bool, int], Iterator[str]]


class Answer(NamedTuple):
    """The result of a verb. A NamedTuple, because the command starts faster without `dataclasses`."""

    text: str  # for stdout
    data: dict[str, Any]  # for stdout with --json
    code: Exit = Exit.DONE  # exit code
    notes: tuple[str, ...] = ()  # lines for stderr, not printed with --json
    # prints a long answer piece by piece; then `text` is empty and `data` lacks the list
    written: Written | None = None
