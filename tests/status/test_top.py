"""Rates between two lists of flows, and their table."""

import os
import sys
import termios
import time
from argparse import Namespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.cli import terminal
from offload.cli import top as command
from offload.cli.answer import Exit
from offload.errors import UsageError
from offload.status.text.top import BY, Rate, rates, speed, top_text
from service.routers import router
from status.routers import entry
from test_cli_service import Router


def flow(sport: int, octets: int | None, packets: int | None = 0, **more: Any) -> dict[str, Any]:
    ends = {"proto": "tcp", "src": "192.168.1.50", "sport": sport, "dest": "198.51.100.9", "dport": 443}
    zones = {"src_zone": "lan", "dest_zone": "wan"}
    return {**ends, **zones, "ct_zone": 0, "state": "software", "bytes": octets, "packets": packets} | more


@pytest.mark.parametrize(("lines", "height"), [(0, 24), (1, 6), (50, 50)])
def test_a_terminal_that_does_not_know_its_lines_has_24(
    lines: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As serial consoles do."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (lines, 0))
    with os.fdopen(theirs, "w") as there:
        monkeypatch.setattr(sys, "stdout", there)
        monkeypatch.delenv("COLUMNS", raising=False)
        found = terminal.height(), terminal.width()
        monkeypatch.undo()
    os.close(ours)
    assert found == (height, 80)


def test_bits_and_packets_per_second() -> None:
    before = [flow(1, 1000, 10), flow(2, 0)]
    after = [flow(1, 251_000, 30), flow(2, 1000, 5, state="slow"), flow(3, 999_999_999)]
    first, second = rates(before, after, 2.0, "flow")
    assert (first.name, first.bits["software"], first.packets) == ("tcp 192.168.1.50:1 > 198.51.100.9:443", 1e6, 10.0)
    assert second.bits == {"slow": 4000.0, "software": 0.0, "hardware": 0.0}
    (host,) = rates(before, after, 2.0, "host")
    assert (host.name, sum(host.bits.values())) == ("192.168.1.50", 1_004_000.0)
    assert [each.name for each in rates(before, after, 2.0, "pair")] == ["lan > wan"]


def test_what_is_not_counted_or_counts_anew_moves_nothing() -> None:
    assert rates([flow(1, None, None)], [flow(1, 5, 5)], 1.0, "flow") == []
    (again,) = rates([flow(1, 1000, 10)], [flow(1, 10, 1)], 1.0, "flow")
    assert (sum(again.bits.values()), again.packets) == (0.0, 0.0)


def test_the_table_has_the_fastest_and_the_sum() -> None:
    found = [Rate(f"host{number}", {"slow": 0.0, "software": 1e6 * number, "hardware": 0.0}, 7) for number in (9, 5, 1)]
    lines = top_text(found, "host", height=6).splitlines()
    assert [line.split()[0] for line in lines] == ["HOST", "host9", "host5", "all"]
    assert lines[-1].split() == ["all", "-", "15", "Mbit/s", "-", "21"]


def test_a_connection_is_shown_whole_beside_its_speeds() -> None:
    (rate,) = rates([flow(1, 0)], [flow(1, 250_000, 20)], 2.0, "flow")
    _, name, numbers, _ = top_text([rate._replace(name=f"{rate.name} and more")], "flow", 80).splitlines()
    assert name == "tcp 192.168.1.50:1 > 198.51.100.9:443 and more"
    assert numbers.split() == ["-", "1.0", "Mbit/s", "-", "10"]


def test_a_narrow_terminal_gets_a_list() -> None:
    (rate,) = rates([flow(1, 0)], [flow(1, 250_000, 20)], 2.0, "flow")
    lines = ["tcp 192.168.1.50:1 > 198.51.100.9:443", "  software 1.0 Mbit/s, 10 packets/s"]
    assert top_text([rate], "flow", 40).splitlines()[:2] == lines


@pytest.mark.parametrize(("bits", "text"), [(0, "-"), (9, "9 bit/s"), (9_940, "9.9 kbit/s"), (1e9, "1.0 Gbit/s")])
def test_speed(bits: float, text: str) -> None:
    assert speed(bits) == text


@given(st.text(max_size=80), st.floats(0, 1e15), st.integers(40, 200))
def test_the_table_fits_whatever_the_names_are(name: str, bits: float, width: int) -> None:
    found = [Rate(name, {"slow": bits, "software": bits, "hardware": bits}, 1.0)]
    for line in top_text(found, "pair", width).split("\n"):
        assert len(line) <= width and line.isprintable()


def test_the_command_shows_one_view_into_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fakes = router()
    fakes.service.work()
    answers = iter([1000, 1_001_000])
    line = "192.168.1.50#5000 > 198.51.100.9#443"
    monkeypatch.setattr(fakes.conntrack, "entries", lambda: [entry(line, octets=(next(answers), 0))])
    monkeypatch.setattr(time, "sleep", lambda _: None)
    clock = iter([0.0, 2.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    given_ = Namespace(by="pair", every="2", count=None, json=False)
    assert command.top(Router(fakes, runs=True), given_).code is Exit.DONE
    assert capsys.readouterr().out.splitlines()[1].split() == ["lan", ">", "wan", "4.0", "Mbit/s", "-", "-", "0"]


@pytest.mark.parametrize("words", [{"by": "zone"}, {"every": "0"}, {"every": "soon"}, {"count": "-1"}])
def test_what_cannot_be_meant_is_refused(words: dict[str, str]) -> None:
    assert set(BY) == {"flow", "host", "pair"}
    usual = {"by": "flow", "every": "2", "count": None, "json": False}
    with pytest.raises(UsageError):
        command.top(Router(router(), runs=True), Namespace(**usual | words))
