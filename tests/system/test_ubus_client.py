"""The bus door over a broker and another process: replies, and a sentence for everything that can go wrong.

All of it holds for the real python-ubus and ubusd as well; tests/standins/brokers.py tells how to try.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import brokers
import pytest
import ubus

from offload.errors import BusError
from offload.system.ubus.client import FakeUbusClient, UbusClient

pytestmark = pytest.mark.slow  # it starts processes

SERVICE = """
methods = {
    "echo": (lambda handler, data: handler.reply(data), {"value": ubus.BLOBMSG_TYPE_UNSPEC}),
    "twice": (lambda handler, data: [handler.reply({"n": 1}), handler.reply({"n": 2})], {}),
    "silent": (lambda handler, data: None, {}),
    "broken": (lambda handler, data: 1 / 0, {}),
    "slow": (lambda handler, data: time.sleep(0.4), {}),
    "typed": (lambda handler, data: handler.reply(data), {"number": ubus.BLOBMSG_TYPE_INT32}),
}
ubus.add("service", {name: {"method": method, "signature": words} for name, (method, words) in methods.items()})
print("ready", flush=True)
ubus.loop(20_000)
"""


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "ubus.sock"


@pytest.fixture
def broker(socket: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker with the service above; this process is connected to it."""
    with brokers.running(socket) as running, brokers.connected(socket, SERVICE) as service:
        assert service.stdout and service.stdout.readline() == b"ready\n"
        ubus.connect(socket_path=str(socket))
        yield running
        ubus.disconnect(False)


@pytest.mark.usefixtures("broker")
def test_tell_takes_no_reply_for_an_answer_and_no_object_for_a_failure() -> None:
    UbusClient().tell("service", "silent", {})
    with pytest.raises(BusError, match=r"^service silent: it gave no reply$"):
        UbusClient().call("service", "silent")
    with pytest.raises(BusError, match=r"^missing event: ubus has no such object$"):
        UbusClient().tell("missing", "event", {})


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": [1, 2.5, None, True, "é€😀", {"b": []}]},
        [],
        'text with "quotes" and\nlines',
        2**31,
        -(2**63),
        False,
        None,
    ],
)
def test_a_reply_is_what_the_other_side_sent(value: object) -> None:
    assert UbusClient().call("service", "echo", {"value": value}) == {"value": value}


@pytest.mark.usefixtures("broker")
def test_of_two_replies_the_first_counts() -> None:
    assert UbusClient().call("service", "twice") == {"n": 1}


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (("nowhere", "dump"), "nowhere dump: ubus has no such object"),
        (("service", "nothing"), "service nothing: it has no such method"),
        (("service", "silent"), "service silent: it gave no reply"),
        (("service", "broken"), "service broken: Unknown error"),
        (("service", "echo"), "service echo: the arguments do not fit the method"),
        (("service", "echo", {"value": 1, "more": 2}), "service echo: the arguments do not fit the method"),
        (("service", "typed", {"number": 2**31}), "service typed: the arguments do not fit the method"),
        (("service", "typed", {"number": "1"}), "service typed: the arguments do not fit the method"),
        (("service", "slow"), "service slow: no answer within 0.2 s"),
    ],
)
def test_every_failure_has_its_sentence(call: tuple[str, str, dict[str, object]], sentence: str) -> None:
    with pytest.raises(BusError) as failure:
        UbusClient(timeout=0.2).call(*call)
    assert str(failure.value) == sentence


@pytest.mark.parametrize(
    ("user", "sentence"), [(65534, "ubus lets only root call it: log in as root"), (0, "Not found")]
)
def test_who_is_not_root_is_sent_to_root(monkeypatch: pytest.MonkeyPatch, user: int, sentence: str) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("ubus error occured: Not found")

    monkeypatch.setattr(ubus, "get_connected", lambda: True)
    monkeypatch.setattr(ubus, "call", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(BusError, match=f"^offload set: {sentence}$"):
        UbusClient().call("offload", "set")


@pytest.mark.usefixtures("broker")
def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    with pytest.raises(BusError):
        UbusClient(timeout=0.1).call("service", "slow")
    assert UbusClient().call("service", "echo", {"value": 7}) == {"value": 7}


def test_the_broker_goes_away(broker: subprocess.Popen[bytes]) -> None:
    broker.kill()
    broker.wait()
    with pytest.raises(BusError, match="service echo: ubusd went away"):
        UbusClient().call("service", "echo", {"value": 1})


def test_no_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFLOAD_UBUS_SOCKET", str(tmp_path / "none"))
    with pytest.raises(BusError, match=r"^ubusd cannot be reached: Failed to connect to the ubus socket '.*'$"):
        UbusClient().call("service", "echo")
    assert not ubus.get_connected()


def test_no_python_ubus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ubus", None)
    with pytest.raises(BusError, match="install python3-ubus"):
        UbusClient().call("service", "echo")


@pytest.mark.usefixtures("broker")
def test_a_reply_that_is_not_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def call(*_: object) -> None:
        raise SystemError("<built-in function call> returned a result with an exception set")

    monkeypatch.setattr(ubus, "call", call)
    with pytest.raises(BusError, match="service echo: the reply is not text that can be read"):
        UbusClient().call("service", "echo")


def test_the_fake_replies_and_remembers() -> None:
    fake = FakeUbusClient({"service dump": {"n": 1}, "service list": [1], "service gone": BusError("gone")})
    assert fake.call("service", "dump", {"a": 1}) == {"n": 1}
    assert fake.calls == [("service", "dump", {"a": 1})]
    for method, sentence in (("list", "not an object"), ("gone", "gone"), ("other", "no such object")):
        with pytest.raises(BusError, match=sentence):
            fake.call("service", method)
