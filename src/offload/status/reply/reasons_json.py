"""Reasons, why something is slower than requested, as JSON. Pure."""

from collections.abc import Iterable
from typing import Any

from offload.model.problems.reason import Reason

Json = dict[str, Any]


def reasons_json(reasons: Iterable[Reason]) -> list[Json]:
    """Reasons as JSON, in their order: `[{"code": CODE, "text": SENTENCE, "remedy": SENTENCE}, ...]`.

    `code` is for programs, the same in all releases. An object has `remedy` only if the Reason has one.
    """
    return [
        {"code": reason.code.name, "text": reason.text} | ({"remedy": reason.remedy} if reason.remedy else {})
        for reason in reasons
    ]
