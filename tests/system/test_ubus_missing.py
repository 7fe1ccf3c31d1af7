"""A service without python3-ubus, or without a connection or its socket, leaves ubus without an error."""

import sys

import pytest

from offload.errors import BusError
from offload.system.ubus.server import UbusServer


def test_without_the_module_only_connect_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ubus", None)
    server = UbusServer({}, ())
    with pytest.raises(BusError, match="install python3-ubus"):
        server.connect()
    server.send("offload.applied", {})
    server.leave(lost=False)
    server.leave(lost=True)
    assert server.descriptor is None


class SocketlessUbus:
    """A module ubus whose socket has a descriptor that no search finds."""

    connected = False

    def listen(self, *_: object) -> None:
        """No event arrives."""

    def get_connected(self) -> bool:
        return self.connected

    def connect(self) -> None:
        self.connected = True

    def disconnect(self, _: object) -> None:
        self.connected = False


def test_a_connection_whose_socket_is_not_found_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SocketlessUbus()
    monkeypatch.setitem(sys.modules, "ubus", module)
    server = UbusServer({}, ())
    with pytest.raises(BusError, match="more than 1024 files open"):
        server.connect()
    assert not module.connected and server.descriptor is None
