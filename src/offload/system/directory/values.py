"""Convert text in snapshot.json, such as addresses. Pure."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def read(make: Callable[[Any], T], value: Any, key: str, what: str) -> T:
    """`make(value)`.

    If that raises a ValueError, one that says that `key` is not `what`, such as `an address or network`.
    """
    try:
        return make(value)
    except ValueError as error:
        raise ValueError(f"'{key}' is not {what}") from error
