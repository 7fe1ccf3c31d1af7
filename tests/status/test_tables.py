"""Answers as text: what users see; no line is wider than the terminal or moves its cursor."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.cli.command import main
from offload.model.applied import Applied
from offload.model.config import Mode
from offload.model.flow import IPS_DST_NAT, IPS_OFFLOAD, IPS_SEEN_REPLY, State
from offload.model.network import Kernel, Lack, Snapshot
from offload.model.plan import DeviceDecision, Plan
from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.flows import flows
from offload.status.reply.flow_reply import flow_json
from offload.status.reply.status_reply import status_json
from offload.status.shares import no_share
from offload.status.text.flow_lines import flows_text
from offload.status.text.layout import OF_ALL, Row, amount, span, table
from offload.status.text.tables import changes_text, status_text, summary_text
from status.routers import HOME, entry, pair, plan, zone

GOLDEN = Path(__file__).parents[1] / "golden"

STATUS = """\
Firewall    fw4
Kernel      6.6.73, nft 1.1.1
Flowtables  yes
Changed     3 times since the service started, last at 2026-11-22 20:00:00

ZONE   MODE      GETS      DEVICES
lan    hardware  hardware  br-lan
guest  none      none      -
    mode none was chosen for zone guest

PAIR         GETS           SLOW    SOFTWARE  HARDWARE
lan > wan    software  2  1.2 kB  14  350 MB         -
    hardware was asked for
    hardware does not cover wan, so the pair is software
      what to do: choose software for the zone, or give what hardware does not
        cover (Wi-Fi, say) a bridge and a zone of its own; exclude_device does
        not help, for the pair's packets still come in there
guest > wan  none              -           -         -
    mode none was chosen for zone guest

DEVICE  ZONE        FLOWTABLES  HARDWARE
br-lan  lan         sw, hw      bound
wlan0   lan, guest  -           none
    Wi-Fi port of br-lan: its stations roam, and its packets are seen at br-lan

PROBLEM
offload.@zone[0].name: no zone 'lam' in /etc/config/firewall; the section is
  left out"""


def test_status() -> None:
    none = ReasonCode.MODE_NONE(zone="guest")
    share = no_share()
    share.flows.update({State.SLOW: 2, State.SOFTWARE: 14})
    share.bytes.update({State.SLOW: 1234, State.SOFTWARE: 350_000_000})
    decided = Plan(
        zones=(zone("lan", "br-lan", mode=Mode.HARDWARE), zone("guest", mode=Mode.NONE, reasons=(none,))),
        pairs=(
            pair("lan", "wan", Mode.SOFTWARE, ReasonCode.HARDWARE_UNCOVERED(devices="wan"), asked=Mode.HARDWARE),
            pair("guest", "wan", Mode.NONE, none),
        ),
        devices=(
            DeviceDecision("br-lan", ("lan",), ("sw", "hw"), hardware=True, reasons=()),
            DeviceDecision(
                "wlan0", ("lan", "guest"), (), hardware=False, reasons=(ReasonCode.WIRELESS_PORT(master="br-lan"),)
            ),
        ),
    )
    problem = ProblemCode.UNKNOWN_ZONE.at(
        "offload", "@zone[0]", "name", hint="", value="lam", consequence="the section is left out"
    )
    snapshot = Snapshot(kernel=Kernel("6.6.73", nft="1.1.1"))
    answer = status_json(decided, snapshot, [problem], {("lan", "wan"): share}, Applied(3, "2026-11-22 20:00:00", 1))
    assert status_text(answer) == STATUS


def test_what_a_choice_changed_and_what_not() -> None:
    reason = {"code": "MODE_NONE", "text": "mode none was chosen for zone wan", "remedy": "offload set wan software"}
    changed = {"src": "lan", "dest": "guest", "before": "none", "effective": "software"}
    pair = {"src": "lan", "dest": "wan", "mode": "none", "effective": "none", "reasons": [reason]}
    uncovered = {"code": "NO_HARDWARE", "text": "hardware does not cover wan", "remedy": ""}
    less = {"src": "wan", "dest": "lan", "before": "none", "effective": "software", "reasons": [uncovered]}
    reply = {"changed": [changed, less], "unchanged": [pair], "reasons": []}
    assert changes_text(reply).splitlines() == [
        "lan > guest: none -> software",
        "wan > lan: none -> software",
        "    hardware does not cover wan",
        "lan > wan stays none:",
        "    mode none was chosen for zone wan",
        "      what to do: offload set wan software",
    ]
    nothing = {"changed": [], "unchanged": [], "reasons": [{"code": "NOT_PERMITTED", "text": "no forwarding"}]}
    assert changes_text(nothing).splitlines() == ["Written. No pair changes its path.", "    no forwarding"]


def test_ports_that_decide_show_their_stations() -> None:
    ports = [
        DeviceDecision("br-lan", ("lan",), ("sw",), hardware=True, reasons=()),
        DeviceDecision("lan1", ("lan",), ("sw", "hw"), hardware=True, reasons=(), stations=12),
        DeviceDecision("phy0-ap0", ("lan",), (), hardware=True, reasons=(), stations=0),
    ]
    text = status_text(status_json(Plan(devices=tuple(ports)), Snapshot(), [], {}, Applied()))
    assert text.splitlines()[-4:] == [
        "DEVICE    ZONE  FLOWTABLES  HARDWARE   STATIONS",
        "br-lan    lan   sw          requested  -",
        "lan1      lan   sw, hw      bound      12",
        "phy0-ap0  lan   -           requested  0",
    ]


NOT_APPLIED = "    no service runs, and the kernel lacks this: /etc/init.d/offload start"


def test_status_of_a_router_that_cannot() -> None:
    kernel = Kernel("", flowtable=False, missing=(Lack("nft is not installed", "nftables-json"),))
    answer = status_json(Plan(), Snapshot(kernel=kernel), [], {}, Applied(error="nft refused it"))
    answer["applied"]["pending"] = 2
    assert status_text(answer).splitlines() == [
        "Firewall    fw4",
        "Kernel      unknown, no nft",
        "Flowtables  no",
        "    nft is not installed; install nftables-json",
        "    the last attempt failed: nft refused it",
        NOT_APPLIED,
    ]
    assert summary_text(answer).splitlines()[3] == NOT_APPLIED


CAUSES = {
    "64-fw4-offloads": "FW4_OFFLOADS",
    "65-switched-off": "OFFLOAD_DISABLED",
    "66-kernel-without-flowtables": "KERNEL_WITHOUT_FLOWTABLE",
    "89-no-firewall": "NO_FIREWALL",
}


@pytest.mark.parametrize(("router", "code"), CAUSES.items())
@pytest.mark.parametrize("width", [40, 80])
def test_what_keeps_every_pair_slow_is_a_sentence_once(
    router: str, code: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In JSON each item keeps its Reason."""
    monkeypatch.setenv("COLUMNS", str(width))
    for verb in ("status", "zones"):
        main([verb, "--json", "--root", str(GOLDEN / router)])
        found = json.loads(capsys.readouterr().out)
        held = [reason for each in found["zones"] for reason in each["reasons"] if reason["code"] == code]
        assert len(held) > 1
        main([verb, "--root", str(GOLDEN / router)])
        text = " ".join(capsys.readouterr().out.split())
        assert text.count(f"Nothing is offloaded: {held[0]['text']} what to do: {held[0]['remedy']}") == 1
        assert (text.count(held[0]["text"]), text.count(held[0]["remedy"])) == (1, 1)


def test_these_are_all_reasons_that_keep_every_pair_slow() -> None:
    assert set(CAUSES.values()) == OF_ALL


def test_an_explanation_names_what_keeps_every_pair_slow_at_its_pair_and_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["explain", "--root", str(GOLDEN / "65-switched-off"), "192.168.1.5", "192.0.2.1:443"])
    text = " ".join(capsys.readouterr().out.split())
    assert text.count("offload is switched off") == 2
    assert "mode none was chosen" not in text


@pytest.mark.parametrize(
    ("host", "path", "code"),
    [
        ("192.168.1.10", "hardware", ""),
        ("192.168.1.20", "software", "HARDWARE_ELSEWHERE"),
        ("192.168.1.99", "software", "HARDWARE_STATION_UNKNOWN"),
    ],
    ids=["wired", "Wi-Fi", "not seen"],
)
def test_a_new_connection_gets_the_path_of_the_host_s_port(
    host: str, path: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    router = str(GOLDEN / "36-wired-in-hardware-wifi-in-software")
    for words in ([host], [host, "198.51.100.9:443"]):
        main(["explain", "--json", "--root", router, *words])
        reply = json.loads(capsys.readouterr().out)
        found = next(each for each in reply["expected"]["pairs"] if each["dest"] == "wan") if len(words) == 1 else None
        answer = found or reply["explanations"][0]
        assert (answer["code"], answer["sentence"].split(",")[0]) == (code, f"It would be fast in {path}")
        assert ("Not in hardware:" in answer["sentence"]) == bool(code)


FLOWS = """\
STATE      BYTES  ZONES      CONNECTION
slow      1.5 kB  lan > wan  udp 192.168.1.50:5000 > 198.51.100.9:443
    it qualifies, and is offloaded with its next packet from lan, unless an
      exempt matches it or the firewall drops its replies
software       -  lan > wan  udp [fd00:1::50]:5000 > [2001:db8:9::9]:443
slow      1.5 kB  lan > wan
    udp [fd00:1::1234:5678:9abc:def0]:50000
    > [2001:db8:1234:5678:9abc:def0:1234:5678]:50443
    no packet has come back yet
slow      1.5 kB  lan > wan
    udp [fd00:1::50]:50000 > [2001:db8:9:0:1234:5678:9abc:def0]:50443
    no packet has come back yet
slow      1.5 kB  wan > lan  tcp 192.0.2.9:5 > 203.0.113.7:80
    sent on to 192.168.1.50:8080
    its TCP connection is not established (state SYN_SENT)
slow      1.5 kB  ? > wan    icmp 203.0.113.7 > 192.0.2.1
    only TCP, UDP and GRE without NAT can be offloaded, this is icmp

6 flows: 5 slow, 1 software"""


def test_flows() -> None:
    entries = [
        entry("192.168.1.50#5000 > 198.51.100.9#443"),
        entry("fd00:1::50#5000 > 2001:db8:9::9#443", status=IPS_OFFLOAD, octets=None),
        entry("fd00:1:0:0:1234:5678:9abc:def0#50000 > 2001:db8:1234:5678:9abc:def0:1234:5678#50443", status=0),
        entry("fd00:1::50#50000 > 2001:db8:9:0:1234:5678:9abc:def0#50443", status=0),
        entry(
            "192.0.2.9#5 > 203.0.113.7#80", "192.168.1.50#8080 > 192.0.2.9#5", proto=6, status=IPS_DST_NAT, tcp_state=1
        ),
        entry("203.0.113.7 > 192.0.2.1", proto=1),
    ]
    found = flows(entries, HOME, plan(pair("lan", "wan"), pair("wan", "lan")), everything=True)
    assert flows_text([flow_json(flow) for flow in found]) == FLOWS


def test_no_flows() -> None:
    assert flows_text([]) == "No flows."


AMOUNTS = {
    None: "-",
    0: "0 B",
    999: "999 B",
    1000: "1.0 kB",
    9949: "9.9 kB",
    9951: "10 kB",
    999_499: "999 kB",
    999_500: "1.0 MB",
    123_456_789: "123 MB",
    2**40: "1.1 TB",
    2**64: "18 EB",
    10**25: "10000000 EB",
}


@pytest.mark.parametrize(("octets", "expected"), AMOUNTS.items())
def test_amount(octets: int | None, expected: str) -> None:
    assert amount(octets) == expected


HOSTILE = {
    "\x1b[31mlan": "?[31mlan",
    "lan\r\nwan": "lan??wan",
    "\N{RIGHT-TO-LEFT OVERRIDE}nal": "?nal",
    "l\N{COMBINING ACUTE ACCENT}an": "l?an",
    "\N{CJK UNIFIED IDEOGRAPH-5BB6}": "?",
    "b\N{LATIN SMALL LETTER U WITH DIAERESIS}ro": "b\N{LATIN SMALL LETTER U WITH DIAERESIS}ro",
    "\N{CYRILLIC SMALL LETTER IO}": "\N{CYRILLIC SMALL LETTER IO}",
}


@pytest.mark.parametrize(("name", "shown"), HOSTILE.items())
def test_odd_characters_are_question_marks(name: str, shown: str) -> None:
    answer = status_json(Plan(zones=(zone(name, "eth0"),)), Snapshot(), [], {}, Applied())
    assert f"\n{shown}" in status_text(answer)


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300), st.integers(20, 200))
def test_status_fits_whatever_the_names_are(name: str, text: str, width: int) -> None:
    reason = Reason(ReasonCode.MODE_NONE, text)
    decided = Plan(
        zones=(replace(zone(name, text), reasons=(reason,)),),
        pairs=(pair(name, text, Mode.NONE, reason),),
        devices=(DeviceDecision(name, (text, name), ("sw",), hardware=False, reasons=(reason,)),),
    )
    problem = ProblemCode.BAD_BOOL.at(name, text, name, value=text, consequence=text)
    kernel = Kernel(name, nft=text, missing=(Lack(text, name),))
    answer = status_json(decided, Snapshot(kernel=kernel, firewall=name), [problem], {}, Applied(1, name, 1, text))
    assert_fits(status_text(answer, width), width)


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(20, 200))
def test_flows_fit_whatever_the_names_are(name: str, width: int) -> None:
    zones = (zone(name, "br-lan"), zone("wan", "wan"))
    connection = entry("fd00:1:0:0:1234:5678:9abc:def0#50000 > 2001:db8:9::9#443", status=IPS_SEEN_REPLY, helper=name)
    found = flows([connection], HOME, plan(pair(name, "wan"), zones=zones))
    answer: list[dict[str, Any]] = [flow_json(flow) for flow in found]
    assert_fits(flows_text(answer, width), width)


def assert_fits(text: str, width: int) -> None:
    assert all(len(line) <= width for line in text.split("\n"))
    assert all(char == "\n" or char.isprintable() for char in text)


ROWS: list[Row] = [(("lan > wan", "software", "3    1.2 kB", "-"), ["why"]), (("guest", "none", "-", "-"), [])]
HEAD = ("PAIR", "GETS", "SLOW", "HARDWARE")


def test_a_table_that_is_too_wide_becomes_a_list() -> None:
    whole = table(HEAD, ROWS, right=2)
    assert table(HEAD, ROWS, right=2, width=max(map(len, whole))) == whole
    assert table(HEAD, ROWS, right=2, width=max(map(len, whole)) - 1) == [
        "PAIR",
        "lan > wan",
        "    gets software; slow 3 1.2 kB",
        "    why",
        "guest",
        "    gets none",
    ]


def test_a_last_column_of_words_is_folded_before_that() -> None:
    rows: list[Row] = [(("lan", "software", "br-lan, lan1, lan2, lan3, lan4"), [])]
    head = ("ZONE", "MODE", "DEVICES")
    assert table(head, rows, width=30) == table(head, rows)
    assert table(head, rows, width=20) == ["ZONE", "lan", "    mode software; devices br-lan, lan1, lan2, lan3, lan4"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (97_200, "1 d 3 h"),
        (90_000_000, "1041 d 16 h"),
    ],
)
def test_a_time_is_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert span(seconds) == text
