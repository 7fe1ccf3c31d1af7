"""Our objects on a broker: the events that wait while a call is answered."""

import time
from functools import partial
from pathlib import Path

import brokers
import pytest
import ubus

from offload.errors import AbsentError
from offload.system.ubus.client import UbusClient
from offload.system.ubus.server import UbusServer

pytestmark = pytest.mark.slow  # it starts processes

SENDER = """
ubus.send("somebody.else", {})
ubus.send("network.interface", {"action": "ifup"})
print("ready", flush=True)
ubus.loop(30_000)
"""


def test_an_event_that_waits_is_seen_and_still_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "ubus.sock"
    monkeypatch.setattr(ubus, "connect", partial(ubus.connect, str(socket)))
    heard = list[str]()
    server = UbusServer({}, ("network.interface",))
    server.hearing = heard.append
    assert not server.event_waits()
    with brokers.running(socket):
        server.connect()
        try:
            assert not server.event_waits()
            with brokers.connected(socket, SENDER) as sender:
                assert sender.stdout
                assert sender.stdout.readline()
                time.sleep(0.2)  # the broker hands them on
            assert server.event_waits()
            assert server.event_waits()
            assert not heard
            server.serve()
            assert heard == ["network.interface"]
            assert not server.event_waits()
        finally:
            server.leave(lost=False)


def test_a_call_that_found_ubusd_back_first_does_not_keep_our_objects_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "ubus.sock"
    monkeypatch.setattr(ubus, "connect", partial(ubus.connect, str(socket)))
    server, client = UbusServer({"offload": {}}, ("network.interface",)), UbusClient()
    with brokers.running(socket):
        with pytest.raises(AbsentError):
            client.call("service", "list")  # of procd, which is not there; but this process is connected now
        server.connect()
        try:
            assert server.descriptor is not None and "offload" in ubus.objects("offload")
        finally:
            server.leave(lost=False)
