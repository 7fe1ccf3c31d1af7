"""How messages travel between stand-in and broker, and what blobmsg does to the values in them on the way.

A message is a JSON object behind four bytes of length, so that one message can be read without touching the next: what
is not read yet keeps the socket readable, as with the real protocol. Value rules are those of libubox's blobmsg_json.c.
A message is as large as its blobmsg would be (`size`), which for short values is four times the JSON.
"""

import json
import math
import re
from enum import IntEnum
from typing import Any

LARGEST = 1 << 20  # UBUS_MAX_MSGLEN, bytes of blobmsg
SAFE = LARGEST // 4  # bytes of JSON; a message of so many is never too large
ALIGNED = 4
DEEPEST = 32  # levels of values that json-c's tokener parses, the message itself being one
HEADER = 4
INT32 = range(-(1 << 31), 1 << 31)
INT64 = range(-(1 << 63), 1 << 63)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
NOT_UTF8 = "\ufdd0"  # our mark, which is no character, for a byte that is not UTF-8


class Type(IntEnum):
    """BLOBMSG_TYPE_*; a boolean is an INT8."""

    UNSPEC = 0
    ARRAY = 1
    TABLE = 2
    STRING = 3
    INT64 = 4
    INT32 = 5
    INT16 = 6
    INT8 = 7
    DOUBLE = 8


class Status(IntEnum):
    """UBUS_STATUS_*."""

    OK = 0
    INVALID_COMMAND = 1
    INVALID_ARGUMENT = 2
    METHOD_NOT_FOUND = 3
    NOT_FOUND = 4
    NO_DATA = 5
    PERMISSION_DENIED = 6
    TIMEOUT = 7
    NOT_SUPPORTED = 8
    UNKNOWN_ERROR = 9
    CONNECTION_FAILED = 10


TYPES = {
    type(None): Type.UNSPEC,
    list: Type.ARRAY,
    dict: Type.TABLE,
    str: Type.STRING,
    int: Type.INT32,
    bool: Type.INT8,
    float: Type.DOUBLE,
}

SENTENCES = {
    Status.OK: "Success",
    Status.INVALID_COMMAND: "Invalid command",
    Status.INVALID_ARGUMENT: "Invalid argument",
    Status.METHOD_NOT_FOUND: "Method not found",
    Status.NOT_FOUND: "Not found",
    Status.NO_DATA: "No response",
    Status.PERMISSION_DENIED: "Permission denied",
    Status.TIMEOUT: "Request timed out",
    Status.NOT_SUPPORTED: "Operation not supported",
    Status.UNKNOWN_ERROR: "Unknown error",
    Status.CONNECTION_FAILED: "Connection failed",
}


def blob(data: Any) -> dict[str, Any]:
    """What arrives of `data` at the other end; TypeError for anything but a JSON object."""
    found = json.loads(json.dumps(data))
    if not isinstance(found, dict):
        raise TypeError("Failed to create json for ubus.")
    return {_text(key): _value(value, DEEPEST - 1) for key, value in found.items()}


def _value(value: Any, room: int) -> Any:
    if not room:
        raise TypeError("Failed to create json for ubus.")
    match value:
        case dict():
            return {_text(key): _value(each, room - 1) for key, each in value.items()}
        case list():
            return [_value(each, room - 1) for each in value]
        case str():
            return _text(value)
        case float():
            return float(f"{value:f}")
        case int() if not isinstance(value, bool):
            return min(max(value, INT64.start), INT64.stop - 1)
    return value


def _text(text: str) -> str:
    """C strings end at a NUL, and json-c knows no half of a surrogate pair."""
    return LONE_SURROGATE.sub("\ufffd", text.partition("\0")[0])


def unreadable(value: Any) -> bool:
    """Whether what libubox prints of a value is no JSON for Python: `nan`, a value without a name, bytes."""
    match value:
        case dict():
            return any(not name or unreadable(name) or unreadable(each) for name, each in value.items())
        case list():
            return any(map(unreadable, value))
        case str():
            return NOT_UTF8 in value
    return isinstance(value, float) and not math.isfinite(value)


def size(value: Any, name: str = "") -> int:
    """Bytes of a value as blobmsg: its type and length, its name with a length, itself; the two filled up to 4."""
    head = ALIGNED + _filled(len(name.encode()) + 3)
    match value:
        case dict():
            return head + sum(size(each, name) for name, each in value.items())
        case list():
            return head + sum(map(size, value))
        case str():
            return head + _filled(len(value.encode()) + 1)
        case None:
            return head
    return head + (8 if type_of(value) in {Type.INT64, Type.DOUBLE} else 4)


def _filled(length: int) -> int:
    return -(-length // ALIGNED) * ALIGNED


def type_of(value: Any) -> Type:
    """The blobmsg type a JSON value gets."""
    if type(value) is int and value not in INT32:
        return Type.INT64
    return TYPES[type(value)]


def packed(message: dict[str, Any]) -> bytes:
    """A message as bytes."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(HEADER, "big") + body
