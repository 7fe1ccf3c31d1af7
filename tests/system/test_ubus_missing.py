"""A service without python3-ubus, or without a connection, leaves ubus without an error."""

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
