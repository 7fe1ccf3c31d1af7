"""Check the types of values in snapshot.json, and convert text in it, such as addresses. Pure."""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def typed(kind: type, value: Any, key: str) -> Any:
    """The value of snapshot.json, if it is of this type; else TypeError: `'KEY' is not KIND`.

    True and False are not of type `int` here.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"'{key}' is not {kind.__name__}")
    return value


def read(make: Callable[[Any], T], value: Any, key: str, what: str) -> T:
    """Return `make(value)`, for a value of snapshot.json: a text, or a tuple of texts, which `make` gets as a whole.

    `make`: such as `ip_network`. ValueError `'KEY' is not WHAT` if it raises ValueError, or the value is neither text
    nor a tuple. `what`: the wanted form, such as `an address or network`.
    """
    if not isinstance(value, str | tuple):
        raise ValueError(f"'{key}' is not {what}")  # noqa: TRY004 - its sentence is the same as for bad text
    try:
        return make(value)
    except ValueError as error:
        raise ValueError(f"'{key}' is not {what}") from error
