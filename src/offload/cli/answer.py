"""The result of a verb of the command (`offload VERB`), how it is made from a reply, and the exit codes."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

Json = dict[str, Any]


class Exit(IntEnum):
    """Exit codes of the command: 0 done, 1 failed, 2 wrong usage, 3 there are problems, 4 kernel or nft lack a feature.

    With 1 a part may be done all the same.
    """

    DONE = 0
    FAILED = 1  # not done, or not all of it; the sentence has the cause
    USAGE = 2  # an argument is missing or not valid; argparse has this code too
    PROBLEMS = 3  # done, except for parts of the configuration with problems; of `check` also: other faults were found
    LACKING = 4  # kernel or nft cannot do it; the package to install is named


# (JSON or not, columns of the terminal) -> the answer in pieces, each one or more whole lines without the last newline.
Written = Callable[[bool, int], Iterator[str]]


class Answer(NamedTuple):
    """The result of a verb, for `main` to print.

    A NamedTuple, because the command starts faster without `dataclasses`.
    """

    text: str  # for stdout
    data: dict[str, Any]  # for stdout with --json
    code: Exit = Exit.DONE  # exit code
    notes: tuple[str, ...] = ()  # lines for stderr, not printed with --json
    # (JSON or not, columns) -> a long answer piece by piece, printed instead of `text`, which is empty, or of `data`
    written: Written | None = None


def answered(data: Json, text: Callable[[], str], notes: tuple[str, ...] = ()) -> Answer:
    """The Answer for the reply `data` of a method; `text` makes its text, and is not called if the method failed.

    Its notes: `notes` (of problems), then missing features, then `left_off`. Exit code: LACKING if a feature is
    missing, else PROBLEMS if `notes` is not empty, else DONE. For a failed method the error is the only note, and the
    exit code FAILED.
    """
    if "error" in data:
        return Answer("", data, Exit.FAILED, (data["error"],))
    missing = tuple(data.get("missing", ()))
    code = Exit.LACKING if missing else Exit.PROBLEMS if notes else Exit.DONE
    return Answer(text(), data, code, (*notes, *missing, *left_off(data)))


def left_off(data: Json) -> tuple[str, ...]:
    """One note: how many items were left out of which lists of a reply, because a ubus message carries no more.

    An empty tuple if nothing was left out (the reply has no `left_off`).
    """
    lost = ", ".join(f"{count} {what}" for what, count in data.get("left_off", {}).items())
    return (f"{lost} are left off: the answer is larger than ubus carries",) if lost else ()


def problem_notes(data: Json) -> tuple[str, ...]:
    """The `problems` of a reply as lines `PLACE: SENTENCE`; empty if it has none."""
    return tuple(f"{each['place']}: {each['text']}" for each in data.get("problems", []))
