"""How python-ubus treats events, its loop and the loss of ubusd; brokers.py: how to run this with the real one."""

import select
import time
from pathlib import Path
from typing import Any

import brokers
import pytest
import ubus


def descriptor(path: Path) -> int:
    """The recipe of the service: the socket among the descriptors that connect() opens."""
    before = set(Path("/proc/self/fd").iterdir())
    ubus.connect(socket_path=str(path))
    opened = set(Path("/proc/self/fd").iterdir()) - before
    found = [int(link.name) for link in opened if link.is_symlink() and link.readlink().name.startswith("socket:")]
    assert len(found) == 1
    return found[0]


def readable(number: int, seconds: float = 0) -> bool:
    return bool(select.select([number], [], [], seconds)[0])


@pytest.mark.usefixtures("broker")
def test_events(path: Path) -> None:
    heard: list[Any] = []
    ubus.listen(("one", lambda *event: heard.append(("one", *event))))
    ubus.listen(("two.*", lambda *event: heard.append(("two.*", *event))))
    sent = brokers.run(
        path, "for name in ('one', 'ones', 'two', 'two.', 'two.x', 'ubus.x'): print(ubus.send(name, {'n': 1}))"
    )
    ubus.loop(100)
    assert sorted(heard) == [("one", "one", {"n": 1}), ("two.*", "two.", {"n": 1}), ("two.*", "two.x", {"n": 1})]
    assert sent.split() == [b"True"] * 5 + [b"False"]


@pytest.mark.usefixtures("broker")
def test_no_client_gets_its_own_event_and_all_get_those_of_objects(path: Path) -> None:
    heard: list[Any] = []
    ubus.listen(("*", lambda event, data: heard.append((event, data["path"]))))
    assert ubus.send("own", {"path": "own"}) is True
    brokers.run(path, "ubus.add('fleeting', {})")
    ubus.loop(200)
    assert heard == [("ubus.object.add", "fleeting"), ("ubus.object.remove", "fleeting")]


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize("arguments", [(), (1,), (("event",),), ((1, print),), (("event", 1),)])
def test_listeners_that_are_wrong(arguments: tuple[Any, ...]) -> None:
    if not brokers.STANDIN and arguments:
        pytest.skip("the real one counts references wrongly here, and may end the process")
    with pytest.raises(TypeError):
        ubus.listen(*arguments)


def test_poll_then_loop(path: Path) -> None:
    with brokers.running(path):
        number = descriptor(path)
        brokers.serve(method=(lambda handler, _: handler.reply({"answer": 42}), {}))
        with brokers.connected(path, brokers.ASK.format(arguments={})) as process:
            while process.poll() is None:
                if readable(number, 0.05):
                    ubus.loop(0)
            assert process.stdout and process.stdout.read() == b"[{'answer': 42}]\n"
        ubus.loop(0)
        assert not readable(number)
        ubus.disconnect()


def test_one_message_at_a_time_and_the_rest_stays_readable(path: Path) -> None:
    with brokers.running(path):
        number, heard = descriptor(path), []
        ubus.listen(("*", lambda event, _: heard.append(event)))
        with brokers.connected(path, "[ubus.send(name, {}) for name in 'abc']") as process:
            process.wait()
        counts = []
        while readable(number, 0.2):
            ubus.loop(0)
            counts.append(len(heard))
        assert counts == [1, 2, 3]
        ubus.disconnect()


def test_a_call_that_came_while_we_waited_is_not_readable_any_more(path: Path) -> None:
    """Why the service runs `ubus.loop(0)` after each call of its own."""
    with brokers.running(path), brokers.connected(path, brokers.OTHER) as other:
        assert other.stdout and other.stdout.readline()
        number = descriptor(path)
        calls: list[Any] = []
        brokers.serve(method=(lambda _, data: calls.append(data), {}))
        with brokers.connected(path, "time.sleep(0.1)\n" + brokers.ASK.format(arguments={})):
            ubus.call("other", "slow", {"tenths": 6}, 3000)
            assert not readable(number, 0.1) and not calls
            ubus.loop(0)
            assert calls == [{}]
        ubus.disconnect()


def test_the_loss_of_the_broker_is_silent_but_hangs_up(path: Path) -> None:
    with brokers.running(path) as broker:
        number = descriptor(path)
        broker.kill()
        broker.wait()
        poll = select.poll()
        poll.register(number, select.POLLIN)
        assert poll.poll(1000) == [(number, select.POLLIN | select.POLLHUP)]
    before = time.monotonic()
    ubus.loop(0)
    ubus.loop(100)
    assert time.monotonic() - before > 0.09
    assert ubus.get_connected() and not ubus.send("event", {})
    with pytest.raises(RuntimeError, match="Object 'other' was not found"):
        ubus.call("other", "echo", {})
    with pytest.raises(RuntimeError, match="Invalid argument"):
        ubus.objects()
    ubus.disconnect(False)
    with brokers.running(path):
        assert ubus.connect(str(path)) and ubus.send("event", {})
        ubus.disconnect()


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize("timeout", ["5", None, 1.5, 1 << 65])
def test_timeouts_that_are_wrong(timeout: Any) -> None:
    with pytest.raises((TypeError, OverflowError)):
        ubus.loop(timeout)
