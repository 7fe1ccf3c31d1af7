"""The result of a verb of the command `offload`, how it is made from the reply of a ubus method, and the exit codes."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

Json = dict[str, Any]


class Exit(IntEnum):
    """Exit codes of the command."""

    DONE = 0
    FAILED = 1  # not done, or only a part of it
    USAGE = 2  # an argument is missing or not valid; argparse has this code too
    PROBLEMS = 3  # done, except for parts of the configuration with problems; of `check` also: other faults were found
    LACKING = 4  # kernel or nft lack a feature that offload needs


# (JSON or not, columns of the terminal) -> the answer in pieces, each one or more whole lines without the last newline.
Written = Callable[[bool, int], Iterator[str]]


class Answer(NamedTuple):
    """The result of a verb: what to print, and the exit code."""

    text: str  # for stdout, without --json
    data: dict[str, Any]  # for stdout, with --json
    code: Exit = Exit.DONE  # exit code
    notes: tuple[str, ...] = ()  # lines for stderr, without --json
    # a function that gives a long answer in pieces, for stdout instead of `text` and `data`; None: there is none
    written: Written | None = None


def answered(data: Json, text: Callable[[], str], notes: tuple[str, ...] = ()) -> Answer:
    """The Answer for `data`, the reply of a ubus method. `text`: gives its text. `notes`: its first notes.

    If the reply has `error`, that is the one note, the text is empty, and the exit code FAILED. Else the notes are
    `notes`, the sentences in `missing` of the reply (features that kernel or nft lack), and `left_off(data)`; the exit
    code is LACKING if `missing` has sentences, else PROBLEMS if `notes` has some, else DONE.
    """
    if "error" in data:
        return Answer("", data, Exit.FAILED, (data["error"],))
    missing = tuple(data.get("missing", ()))
    code = Exit.LACKING if missing else Exit.PROBLEMS if notes else Exit.DONE
    return Answer(text(), data, code, (*notes, *missing, *left_off(data)))


def left_off(data: Json) -> tuple[str, ...]:
    """A tuple of one sentence about the items that were cut from a reply, because it was too large for ubus.

    `data`: the reply; its key `left_off` has `{name of a list: number of items cut}`. Without it the tuple is empty.
    """
    lost = ", ".join(f"{what} ({count})" for what, count in data.get("left_off", {}).items())
    return (f"{lost} are left off: the answer is larger than ubus carries",) if lost else ()


def problem_notes(data: Json) -> tuple[str, ...]:
    """A line `PLACE: SENTENCE` for each object in the list `problems` of a reply; empty if it has none."""
    return tuple(f"{each['place']}: {each['text']}" for each in data.get("problems", []))
