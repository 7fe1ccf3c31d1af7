"""The answer of a verb of the command, and the exit codes."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple


class Exit(IntEnum):
    """Exit codes; docs/reference.md documents them."""

    DONE = 0
    FAILED = 1  # not done; the sentence gives the cause, and names files that were written nevertheless
    USAGE = 2  # as argparse has it
    PROBLEMS = 3  # done, except for the parts of the configuration that have the listed problems
    LACKING = 4  # kernel or nft cannot do it; the package to install is named


# The lines of an answer: for programs, or for people with so many columns.
Written = Callable[[bool, int], Iterator[str]]


class Answer(NamedTuple):
    """A verb's answer: `text` for people, `data` for programs, `code` for the shell, `notes` for people on stderr.

    `written` writes a long answer as it is made; then `text` is empty, and `data` lacks the list.

    A NamedTuple, because the command starts faster without `dataclasses`.
    """

    text: str
    data: dict[str, Any]
    code: Exit = Exit.DONE
    notes: tuple[str, ...] = ()
    written: Written | None = None
