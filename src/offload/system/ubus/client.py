"""Call netifd, procd and our own service over ubus, through python-ubus.

python-ubus has one connection per process. While a call waits, it queues the calls that arrive for objects of this
process, and the socket does not become readable again for them: a service must run `ubus.loop(0)` after each call that
it makes.
"""

import os
from collections.abc import Mapping
from typing import Any

from offload.errors import AbsentError, BusError

TIMEOUT = 5.0  # seconds; without it python-ubus waits without end
# Messages of python-ubus. It uses the first for a missing object and for a lost ubusd.
NOT_FOUND = "was not found."
STATUS = "ubus error occured: "
SENTENCES = {
    "Request timed out": "no answer within {timeout:g} s",
    "Method not found": "it has no such method",
    "Invalid argument": "the arguments do not fit the method",
    "Connection failed": "ubusd went away",
}
HIDDEN = "Not found"  # ubusd's error also for an object that this login may not call


class UbusClient:
    """Calls methods over ubus. The first call connects this process to ubusd; it stays connected.

    `timeout`: seconds to wait for each reply.
    """

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout

    def call(self, object_name: str, method: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call a method of an object on ubus, wait for its reply, at most `timeout` (5) seconds, and return it.

        `args`: the arguments (None: none); objects of our service need each argument in the method's signature.
        AbsentError if python-ubus, ubusd or the object is missing. BusError if the call fails otherwise, or the reply
        is missing or no object. Calls to this process that arrive meanwhile are queued: run `ubus.loop(0)` afterwards
        to answer them.
        """
        replies = self._called(object_name, method, args)
        if not replies:
            raise BusError(f"{object_name} {method}: it gave no reply")
        if not isinstance(replies[0], dict):
            raise BusError(f"{object_name} {method}: the reply is not an object")
        return replies[0]

    def tell(self, object_name: str, method: str, args: Mapping[str, Any]) -> None:
        """Call a method whose reply is not needed, and wait, at most `timeout` (5) seconds, until it has succeeded.

        Calls to this process that arrive meanwhile are queued. AbsentError if python-ubus, ubusd or the object is
        missing; BusError if the call fails otherwise; a call without a reply succeeds.
        """
        self._called(object_name, method, args)

    def _called(self, object_name: str, method: str, args: Mapping[str, Any] | None) -> list[Any]:
        ubus = _connected()
        try:
            replies: list[Any] = ubus.call(object_name, method, dict(args or {}), max(1, round(self._timeout * 1000)))
        except RuntimeError as error:
            kind = AbsentError if str(error).endswith(NOT_FOUND) else BusError
            raise kind(f"{object_name} {method}: {self._sentence(ubus, object_name, str(error))}") from error
        except SystemError as error:  # python-ubus raises this where a reply is not UTF-8
            raise BusError(f"{object_name} {method}: the reply is not text that can be read") from error
        return replies

    def _sentence(self, ubus: Any, object_name: str, error: str) -> str:
        if error.endswith(NOT_FOUND):
            return "ubus has no such object" if _answers(ubus, object_name) else "ubusd went away"
        status = error.removeprefix(STATUS)
        if status == HIDDEN and os.geteuid() != 0:
            return "ubus lets only root call it: log in as root"
        return SENTENCES.get(status, status).format(timeout=self._timeout)


def _connected() -> Any:
    try:
        import ubus
    except ImportError as error:
        raise AbsentError("the Python module ubus is missing; install python3-ubus") from error
    if not ubus.get_connected():
        try:
            ubus.connect()
        except OSError as error:
            raise AbsentError(f"ubusd cannot be reached: {str(error).strip()}") from error
    return ubus


def _answers(ubus: Any, object_name: str) -> bool:
    try:
        ubus.objects(object_name)
    except RuntimeError:
        return False
    return True


class FakeUbusClient:
    """A ubus in memory. `replies`: {"OBJECT METHOD": reply}; a reply that is a BusError is raised by the call.

    `calls` records (object, method, arguments) of each call.
    """

    def __init__(self, replies: Mapping[str, Any]) -> None:
        self.replies = dict(replies)
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def call(self, object_name: str, method: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Record the call in `calls`, and return its reply from `replies`.

        AbsentError if there is none; BusError if the reply is no dictionary. A reply that is itself a BusError is
        raised.
        """
        self.calls.append((object_name, method, dict(args or {})))
        reply = self.replies.get(
            f"{object_name} {method}", AbsentError(f"{object_name} {method}: ubus has no such object")
        )
        if isinstance(reply, BusError):
            raise reply
        if not isinstance(reply, dict):
            raise BusError(f"{object_name} {method}: the reply is not an object")
        return reply

    def tell(self, object_name: str, method: str, args: Mapping[str, Any]) -> None:
        """As `call`, but without a result."""
        self.call(object_name, method, args)
