"""How python-ubus treats connections, methods and values; brokers.py: how to run this with the real one."""

from pathlib import Path
from typing import Any

import brokers
import pytest
import ubus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def test_connect_and_disconnect(path: Path, broker: object) -> None:
    assert broker and ubus.get_connected() and ubus.get_socket_path() == str(path)
    with pytest.raises(RuntimeError, match="already connected"):
        ubus.connect(socket_path=str(path))
    with pytest.raises(TypeError):
        ubus.disconnect(1)  # type: ignore[arg-type]  # the point
    assert ubus.disconnect() is None  # type: ignore[func-returns-value]  # the point
    assert not ubus.get_connected() and ubus.get_socket_path() is None
    assert ubus.connect(str(path)) is True


def test_no_object_of_that_name(path: Path) -> None:
    with pytest.raises(OSError, match="Failed to connect to the ubus socket") as failure:
        ubus.connect(str(path))
    assert failure.value.args == (f"Failed to connect to the ubus socket '{path}'\n",)
    assert not ubus.get_connected() and ubus.get_socket_path() is None


@pytest.mark.parametrize(
    "call",
    [
        ubus.disconnect,
        lambda: ubus.send("event", {}),
        lambda: ubus.listen(("event", print)),
        lambda: ubus.loop(0),
        lambda: ubus.add("object", {}),
        ubus.objects,
        lambda: ubus.call("object", "method", {}),
    ],
)
def test_nothing_works_unconnected(call: Any) -> None:
    with pytest.raises(RuntimeError, match=r"^You are not connected to ubus\.$"):
        call()


@pytest.mark.skipif(not brokers.STANDIN, reason="the variable is ours")
def test_the_environment_names_the_default_socket(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFLOAD_UBUS_SOCKET", str(path))
    with brokers.running(path):
        ubus.connect()
        assert ubus.get_socket_path() == str(path)
        ubus.disconnect()


def nothing(_handler: Any, _data: Any) -> None:
    """A method that does not reply."""


def breaks(handler: Any, _data: Any) -> None:
    handler.reply({"before": 1})
    raise ValueError("printed by whoever serves")


def refuses(handler: Any, _data: Any) -> None:
    handler.reply(["not", "an", "object"])


def twice(handler: Any, _data: Any) -> None:
    assert handler.reply({"n": 1}) is True
    assert handler.reply({"n": 2}) is True


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (nothing, "[]"),
        (twice, "[{'n': 1}, {'n': 2}]"),
        (breaks, "ubus error occured: Unknown error"),
        (refuses, "ubus error occured: Unknown error"),
    ],
)
@pytest.mark.usefixtures("broker")
def test_answers(path: Path, method: Any, answer: str) -> None:
    brokers.serve(method=(method, {}))
    assert brokers.asked(path) == answer


SIGNATURE = {"text": ubus.BLOBMSG_TYPE_STRING, "number": ubus.BLOBMSG_TYPE_INT32, "any": ubus.BLOBMSG_TYPE_UNSPEC}
FITS = {"text": "a", "number": 1, "any": None}


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        (FITS, True),
        (FITS | {"any": [1]}, True),
        (FITS | {"number": -(2**31)}, True),
        (FITS | {"number": 2**31}, False),
        (FITS | {"number": True}, False),
        (FITS | {"number": 1.0}, False),
        (FITS | {"number": "1"}, False),
        (FITS | {"text": None}, False),
        (FITS | {"more": 1}, False),
        ({"text": "a", "number": 1}, False),
        ({}, False),
    ],
)
@pytest.mark.usefixtures("broker")
def test_arguments_must_fit_exactly(path: Path, arguments: dict[str, Any], fits: bool) -> None:
    brokers.serve(method=(lambda handler, _: handler.reply({}), SIGNATURE))
    assert brokers.asked(path, arguments) == ("[{}]" if fits else "ubus error occured: Invalid argument")


@pytest.mark.usefixtures("broker")
def test_a_handler_is_of_no_use_later(path: Path) -> None:
    requests: list[Any] = []
    brokers.serve(method=(lambda handler, _: requests.append(handler), {}))
    assert brokers.asked(path) == "[]"
    with pytest.raises(RuntimeError, match="not linked"):
        requests[0].reply({})


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (("missing", "echo", {}), "Object 'missing' was not found."),
        (("other", "nothing", {}), "ubus error occured: Method not found"),
        (("other", "echo", {}), "ubus error occured: Invalid argument"),
        (("other", "slow", {"tenths": 5}, 100), "ubus error occured: Request timed out"),
        (("other", "die", {}, 200), "ubus error occured: Request timed out"),
        (("other", "echo", {"value": "x" * (1 << 20)}), "ubus error occured: Invalid argument"),
    ],
)
def test_calls_that_fail(call: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(RuntimeError) as failure:
        ubus.call(*call)
    assert str(failure.value) == sentence


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ((), TypeError),
        (("other", "echo"), TypeError),
        (("other", "echo", []), TypeError),
        (("other", "echo", None), TypeError),
        (("other", "echo", {"value": {1}}), TypeError),
        (("other", 1, {}), TypeError),
        (("other", "echo", {}, -1), TypeError),
        (("other", "echo", {}, "1"), TypeError),
        (("other", "echo", {}, 1 << 31), OverflowError),
    ],
)
def test_calls_that_are_wrong(call: tuple[Any, ...], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        ubus.call(*call)


# Beyond, json-c 0.16 takes every character whose last four hex digits are those of a surrogate for a broken one.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", max_codepoint=0x1D7FF), max_size=8)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9).map(lambda number: number / 8)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.usefixtures("other")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_values_travel_unchanged(value: Any) -> None:
    assert ubus.call("other", "echo", {"value": value}, 3000) == [{"value": value}]


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (2**70, 2**63 - 1),
        (-(2**70), -(2**63)),
        (0.12345678, 0.123457),
        ("a\0b", "a"),
        ("\ud800", "\ufffd"),
        ({1: 2}, {"1": 2}),
    ],
)
def test_values_that_change(sent: Any, received: Any) -> None:
    assert ubus.call("other", "echo", {"value": sent}, 3000) == [{"value": received}]


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("value", [float("nan"), [float("-inf")], {"": 1}, {"a": [{"": None}]}])
def test_values_that_no_python_reads(value: Any) -> None:
    with pytest.raises(RuntimeError, match="Unknown error"):
        ubus.call("other", "echo", {"value": value}, 3000)


@pytest.mark.usefixtures("other")
def test_a_reply_that_no_python_reads() -> None:
    with pytest.raises(SystemError):
        ubus.call("other", "odd", {}, 3000)


# Each begins with 4 bytes of type and length, and the 4 of an empty name.
MOST = [("a", 12), (None, 8), (1 << 31, 16), ({"a": True}, 20)]


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(("value", "size"), MOST)
def test_who_sends_more_than_ubus_carries_is_dropped(path: Path, value: Any, size: int) -> None:
    count = (1 << 20) // size
    brokers.serve(
        just=(lambda handler, _: handler.reply({"": [value] * (count - 10)}), {}),
        more=(lambda handler, _: handler.reply({"": [value] * (count + 1)}), {}),
    )
    code = """for method, patience in (("just", 60_000), ("more", 1000)):
    try: ubus.call("mine", method, {}, patience)
    except (RuntimeError, SystemError) as error: print(type(error).__name__, flush=True)
while ubus.objects(): time.sleep(0.1)
print("gone")"""
    assert brokers.run(path, code).decode().splitlines() == ["SystemError", "RuntimeError", "gone"]


@pytest.mark.usefixtures("broker")
def test_objects(path: Path) -> None:
    brokers.serve(method=(nothing, SIGNATURE), other=(nothing, {}))
    methods = {"method": SIGNATURE, "other": {}}
    assert ubus.objects() == ubus.objects("mi*") == ubus.objects(path="mine") == {"mine": methods}
    assert ubus.objects("missing") == ubus.objects("no*") == {}
    with pytest.raises(RuntimeError, match="Invalid argument"):
        ubus.add("mine", {})
    assert brokers.run(path, "print(sorted(ubus.objects()))") == b"['mine']"


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(
    "methods",
    [
        {1: {}},
        {"m": {}},
        {"m": {"method": 1, "signature": {}}},
        {"m": {"method": print, "signature": {"a": 9}}},
        {"m": {"method": print, "signature": {"a": "3"}}},
        {"m": {"method": print, "signature": {1: 1}}},
        {"m": {"method": print, "signature": {}, "more": 1}},
    ],
)
def test_objects_that_are_wrong(methods: Any) -> None:
    with pytest.raises(TypeError, match="Incorrect method arguments"):
        ubus.add("mine", methods)
