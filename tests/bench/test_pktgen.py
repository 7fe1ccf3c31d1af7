"""How runs of the packet generator become a figure, and what a run does just before its packets."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import pktgen
from bench.established import End, Flow
from bench.pktgen import SETTLE, Sink, blast, dropped


@pytest.fixture
def flow() -> Flow:
    host: Any = SimpleNamespace(entered=nullcontext)
    return Flow(End(host, "eth0"), "192.0.2.1", range(1000, 1032), "192.0.2.2", range(9009, 9010), "02:00:00:00:00:01")


def test_a_run_that_the_kernel_disturbed_does_not_count(monkeypatch: pytest.MonkeyPatch, flow: Flow) -> None:
    figures = iter([8.713, 8.128, 8.130])
    opened = []

    @contextmanager
    def dropping(_: Sink) -> Iterator[None]:
        opened.append("sink")
        yield

    monkeypatch.setattr(Sink, "dropping", dropping)
    monkeypatch.setattr(pktgen, "_make_room", lambda: opened.append("room"))
    monkeypatch.setattr(pktgen, "blast", lambda *_: next(figures))
    found = dropped(flow, Sink(flow.sender.host, ("eth0",)))
    assert round(found.value, 3) == 8.129 and found.repetitions == 3 and opened == ["sink", *3 * ["room"]]


def test_what_an_emulated_engine_takes_does_not_count(monkeypatch: pytest.MonkeyPatch, flow: Flow) -> None:
    engine = iter([0.0, 500.0, 500.0, 1100.0])
    monkeypatch.setattr(Sink, "dropping", lambda _: nullcontext())
    monkeypatch.setattr(pktgen, "_make_room", lambda: None)
    figures = iter([15.0, 16.0])
    monkeypatch.setattr(pktgen, "blast", lambda *_: next(figures))
    found = dropped(flow, Sink(flow.sender.host, ("eth0",)), count=100, elsewhere=lambda: next(engine))
    assert found.value == 10.0 and found.repetitions == 2


def test_what_was_closed_before_a_run_is_freed_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flow: Flow
) -> None:
    done: list[Any] = []
    (tmp_path / "eth0").write_text("Result: OK: 1(c1+d0) usec")
    monkeypatch.setattr(pktgen, "PKTGEN", tmp_path)

    def returned(name: str, value: Any) -> Any:
        done.append(name)
        return value

    monkeypatch.setattr(pktgen, "_threads", lambda _: returned("threads", set()))
    monkeypatch.setattr(pktgen, "_busy", lambda _: returned("busy", {}))
    told = []

    def write(name: str, command: str) -> None:
        done.append(name)
        told.append(command)

    monkeypatch.setattr(pktgen, "_write", write)
    monkeypatch.setattr("time.sleep", done.append)
    blast(flow, 10)
    assert {"udp_src_min 1000", "udp_src_max 1032", "udp_dst_min 9009", "udp_dst_max 9009"} <= set(told)
    begun = done.index("pgctrl")
    assert done[begun - 3 : begun + 1] == ["threads", SETTLE, "busy", "pgctrl"]


@pytest.mark.parametrize(("workers", "nanoseconds"), [(False, 50), (True, 50 + 40 + 9)])
def test_threads_of_workqueues_count_where_they_do_a_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flow: Flow, *, workers: bool, nanoseconds: int
) -> None:
    def thread(name: str, comm: str, ran: int) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "comm").write_text(comm + "\n")
        (tmp_path / name / "schedstat").write_text(f"{ran} 7 7\n")

    def write(name: str, _: str) -> None:
        if name == "pgctrl":
            thread("1", "ksoftirqd/0", 150)
            thread("2", "kworker/0:1-wg-crypt-wg0", 240)
            thread("3", "kworker/0:2", 9)
            thread("4", "python3", 5000)

    thread("1", "ksoftirqd/0", 100)
    thread("2", "kworker/0:1", 200)
    (tmp_path / "eth0").write_text("Result: OK: 1(c1+d0) usec")
    monkeypatch.setattr(pktgen, "PKTGEN", tmp_path)
    monkeypatch.setattr(pktgen, "PROC", tmp_path)
    monkeypatch.setattr(pktgen, "_write", write)
    assert round(1000 * blast(replace(flow, workers=workers), 1)) == nanoseconds
