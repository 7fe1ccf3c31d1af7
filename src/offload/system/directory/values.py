"""Convert text in snapshot.json, such as addresses. Pure."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def read(make: Callable[[Any], T], value: Any, key: str, what: str) -> T:
    """Convert a value of snapshot.json with `make`, such as `ip_network`, and return the result.

    ValueError if `make` raises one: `'KEY' is not WHAT`, where WHAT is what is wanted, such as `an address or network`.
    """
    try:
        return make(value)
    except ValueError as error:
        raise ValueError(f"'{key}' is not {what}") from error
