"""Stand-in of python-ubus 0.1.3 (`import ubus`), whose C libraries Debian does not have: same functions, same errors.

It talks to the broker `ubusd.py` of this folder. The default socket is the real one's, or OFFLOAD_UBUS_SOCKET. As with
the real one there is one connection per process, a call to us that arrives while we wait for an answer of our own is
handled by the next `loop()` and does not keep the socket readable, and the loss of the broker is silent.
Unlike the real one, an endless `loop()` can be interrupted by a Python signal handler.
"""

import contextlib
import os
import select
import time
from collections.abc import Callable
from typing import Any

from ubus.connection import Connection, Method
from ubus.connection import Handler as __ResponseHandler  # noqa: F401  # the real one's name for it
from ubus.wire import SENTENCES, Status, Type, blob, unreadable

BLOBMSG_TYPE_UNSPEC = int(Type.UNSPEC)
BLOBMSG_TYPE_ARRAY = int(Type.ARRAY)
BLOBMSG_TYPE_TABLE = int(Type.TABLE)
BLOBMSG_TYPE_STRING = int(Type.STRING)
BLOBMSG_TYPE_INT64 = int(Type.INT64)
BLOBMSG_TYPE_INT32 = int(Type.INT32)
BLOBMSG_TYPE_INT16 = int(Type.INT16)
BLOBMSG_TYPE_INT8 = int(Type.INT8)
BLOBMSG_TYPE_DOUBLE = int(Type.DOUBLE)
BLOBMSG_TYPE_BOOL = BLOBMSG_TYPE_INT8

DEFAULT_SOCKET = "/var/run/ubus/ubus.sock"
SOCKET_VARIABLE = "OFFLOAD_UBUS_SOCKET"
INT_MAX = (1 << 31) - 1
ADD_USAGE = (
    "Incorrect method arguments!\nExpected:\n"
    "\t(<obj_name>, { <method_name>: {'signature': <method_signature>, 'method': <callable>}, ...})"
)

_connection: Connection | None = None
_path: str | None = None
_uloop: list[Any] = []  # descriptors that libubox's uloop opens, too: who looks for ours must not take them for it


def connect(socket_path: str = "") -> bool:
    """Connect to the broker; OSError when it is not there."""
    global _connection, _path
    if _connection:
        raise RuntimeError("You are already connected to ubus.")
    path = _text(socket_path) or os.environ.get(SOCKET_VARIABLE, DEFAULT_SOCKET)
    _uloop.extend([select.epoll(), *(os.fdopen(end, "rb") for end in os.pipe())])
    try:
        _connection, _path = Connection(path), path
    except OSError:
        _close_uloop()
        raise OSError(f"Failed to connect to the ubus socket '{path}'\n") from None
    return True


def disconnect(deregister: bool = True) -> None:
    """Close the connection; by default remove its objects and listeners first."""
    global _connection, _path  # noqa: PLW0603  # one connection per process: the real one's design
    connection = _connected()
    if not isinstance(deregister, bool):
        raise TypeError(f"argument 1 must be bool, not {type(deregister).__name__}")
    if deregister:
        connection.remove_all()
    connection.close()
    _close_uloop()
    _connection = _path = None


def get_connected() -> bool:
    """Whether connect() was called last; the loss of the broker does not show here."""
    return _connection is not None


def get_socket_path() -> str | None:
    """Path of the socket, None when not connected."""
    return _path


def send(event: str, data: dict[str, Any]) -> bool:
    """Send an event to everybody else; False when the broker is gone or does not want it."""
    connection = _connected()
    status, _ = connection.request("send", event=_text(event), data=blob(data))
    return status == Status.OK


def listen(*listeners: tuple[str, Callable[[str, Any], object]]) -> None:
    """Hear events: pairs of a pattern (a name, or the beginning of names and `*`) and a callback."""
    connection = _connected()
    if not listeners:
        raise TypeError("You need to set at least one event.")
    for pair in listeners:
        right = isinstance(pair, tuple) and len(pair) == len(("event", "callback"))
        if not right or not isinstance(pair[0], str) or not callable(pair[1]):
            raise TypeError("Expected (event, callback) tuple")
    for pattern, callback in listeners:
        status, answer = connection.request("listen", pattern=pattern)
        if status == Status.OK:
            connection.listeners[answer[0]["object"]] = callback


def loop(timeout: int = -1) -> None:
    """Handle messages: for `timeout` milliseconds, for ever (below 0), or only those that are there already (0)."""
    connection = _connected()
    wait = _integer(timeout)
    connection.handle()
    deadline = time.monotonic() + wait / 1000
    while wait and (wait < 0 or time.monotonic() < deadline):
        watched = [] if connection.ended else [connection.socket]
        select.select(watched, [], [], None if wait < 0 else max(deadline - time.monotonic(), 0))
        connection.handle()


def add(object_name: str, methods: dict[str, Method]) -> None:
    """Offer an object: `{method: {"method": callable(handler, data), "signature": {argument: BLOBMSG_TYPE_*}}}`."""
    connection = _connected()
    if not isinstance(object_name, str) or not _are_methods(methods):
        raise TypeError(ADD_USAGE)
    signatures = {
        name: {word: int(kind) for word, kind in method["signature"].items()} for name, method in methods.items()
    }
    answer = _checked(connection.request("add", path=object_name, methods=signatures))
    connection.objects[answer[0]["object"]] = methods


def objects(path: str = "*") -> dict[str, dict[str, dict[str, int]]]:
    """Objects on the bus with the signatures of their methods; `path` may end in `*`."""
    status, found = _connected().request("lookup", path=_text(path))
    if status not in {Status.OK, Status.NOT_FOUND}:
        _checked((status, found))
    return {each["path"]: each["methods"] for each in found}


def call(object: str, method: str, arguments: dict[str, Any], timeout: int = 0) -> list[Any]:  # noqa: A002  # its name
    """Call a method; returns its replies. `timeout` in milliseconds, 0 for ever; RuntimeError for every failure."""
    connection = _connected()
    path, name, wait = _text(object), _text(method), _integer(timeout)
    if wait < 0:
        raise TypeError("timeout can't be lower than 0")
    status, found = connection.request("lookup", path=path)
    if status != Status.OK:
        raise RuntimeError(f"Object '{path}' was not found.")
    data = blob(arguments)
    target = found[-1]["object"] if found else 0
    replies = _checked(connection.request("invoke", wait / 1000 or None, object=target, method=name, data=data))
    if any(map(unreadable, replies)):
        raise SystemError("<built-in function call> returned a result with an exception set")
    return replies


def _connected() -> Connection:
    if _connection is None:
        raise RuntimeError("You are not connected to ubus.")
    return _connection


def _checked(answer: tuple[int, list[Any]]) -> list[Any]:
    status, data = answer
    if status != Status.OK:
        raise RuntimeError(f"ubus error occured: {SENTENCES[Status(status)]}")
    return data


def _close_uloop() -> None:
    while _uloop:
        with contextlib.suppress(OSError):
            _uloop.pop().close()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"argument must be str, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError("embedded null character")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
    if not -INT_MAX - 1 <= value <= INT_MAX:
        raise OverflowError("signed integer is greater than maximum")
    return value


def _are_methods(methods: Any) -> bool:
    return isinstance(methods, dict) and all(
        isinstance(name, str) and isinstance(method, dict) and _is_method(method) for name, method in methods.items()
    )


def _is_method(method: dict[str, Any]) -> bool:
    signature = method.get("signature")
    return (
        method.keys() == {"signature", "method"}
        and isinstance(signature, dict)
        and all(isinstance(name, str) for name in signature)
        and all(isinstance(kind, int) and kind in range(len(Type)) for kind in signature.values())
        and callable(method["method"])
    )
