"""The replies of ubus methods: data for valid arguments, a sentence for all others."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ubus.wire import LARGEST, size

from exempts import exempt_of
from offload.errors import KernelError
from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY, Entry
from offload.model.kernel.live import TimedElement
from offload.model.kernel.live_rule import LiveChain, LiveRule, PacketRule, RuleMatch
from offload.model.network import Link
from offload.model.plan import TimedExempt
from offload.service.bus.ubus_object import LARGEST_REPLY, METHODS, answer, fitting, objects
from offload.service.engine import Engine
from offload.service.memory.timed_exempts import MOST
from offload.service.reconcile import TABLE_NAMES
from service.routers import OFFLOAD, Fakes, router, section
from status.routers import entry
from strategies import gate

ZONES, WRITE = "lan, guest, wan", "write none, software or hardware"
NO_PROTOCOL = "is no protocol: write it as 'flows' shows it, such as tcp, or its number"
LISTED = "'offload exempt list' shows all"
FAST = IPS_SEEN_REPLY | IPS_OFFLOAD
FLOWS = [entry(f"192.168.1.10#{port} > 198.51.100.1#443", octets=(port, 0), status=FAST) for port in range(1, 701)]


def call(fakes: Fakes, method: str, **words: Any) -> dict[str, Any]:
    return answer(fakes.service, METHODS[method], words)


@pytest.fixture(name="fakes")
def _fakes() -> Fakes:
    fakes = router()
    fakes.service.work()
    return fakes


def test_both_objects_have_all_methods_and_luci_adds_its_session() -> None:
    made = objects(router().service)
    assert made.keys() == {"offload", "luci.offload"}
    for name, verb in METHODS.items():
        assert made["offload"][name][0] == verb.arguments
        assert made["luci.offload"][name][0] == {**verb.arguments, "ubus_rpc_session": "string"}


def test_before_the_first_pass_there_is_a_sentence() -> None:
    sentence = "the service is starting: it has not read the router yet"
    assert call(router(), "status") == {"ok": False, "error": sentence, "starting": True}


def test_a_first_pass_that_failed_is_no_start() -> None:
    fakes = router()
    fakes.bus.replies.clear()
    fakes.service.work()
    assert call(fakes, "status").keys() == {"ok", "error"}


def test_status_has_what_design_promises(fakes: Fakes) -> None:
    found = call(fakes, "status")
    assert found["ok"] is True
    assert found.keys() >= {"firewall", "kernel", "zones", "pairs", "devices", "problems", "applied", "exempts"}


def test_status_without_conntrack_has_a_note(fakes: Fakes) -> None:
    fakes.conntrack.error = KernelError("no ctnetlink")
    assert call(fakes, "status")["notes"] == ["flows are not counted: no ctnetlink"]
    assert call(fakes, "flows", query={}) == {"ok": False, "error": "no ctnetlink"}


def test_set_writes_applies_and_shows_what_changed(fakes: Fakes) -> None:
    found = call(fakes, "set", zone="guest", mode="software")
    assert found["ok"] and found["changes"] == 1
    assert found["changed"] == [{"src": "guest", "dest": "wan", "before": "none", "effective": "software"}]
    assert call(fakes, "set", zone="guest", mode="software")["changes"] == 0
    assert [each.options["mode"] for each in fakes.uci.packages["offload"]] == ["software"] * 3  # type: ignore[union-attr]


def test_one_choice_on_a_fresh_router_does_something(fakes: Fakes) -> None:
    fakes.uci.packages["offload"] = (section("offload", "globals", "globals", mode="none"),)
    fakes.service.work()
    found = call(fakes, "set", zone="lan", mode="software")
    assert found["changed"] == [{"src": "lan", "dest": "wan", "before": "none", "effective": "software"}]
    assert found["unchanged"] == []


def test_set_names_the_pairs_that_stay_slow_and_what_would_change_that(fakes: Fakes) -> None:
    call(fakes, "set", zone="wan", mode="none")
    found = call(fakes, "set", zone="lan", mode="software")
    assert found["changed"] == []
    (pair,) = found["unchanged"]
    assert (pair["src"], pair["dest"], pair["effective"]) == ("lan", "wan", "none")
    assert pair["reasons"] == [
        {
            "code": "MODE_NONE",
            "text": "mode none was chosen for zone wan",
            "remedy": "choose another: offload set wan software",
        }
    ]


def test_a_pair_has_a_mode_of_its_own(fakes: Fakes) -> None:
    found = call(fakes, "set_pair", src="lan", dest="wan", mode="none")
    assert found["changed"] == [{"src": "lan", "dest": "wan", "before": "software", "effective": "none"}]


def test_a_pair_may_mean_every_zone_and_modes_may_be_in_capitals(fakes: Fakes) -> None:
    found = call(fakes, "set_pair", src="*", dest="wan", mode="NONE")
    assert [(each["src"], each["effective"]) for each in found["changed"]] == [("lan", "none")]
    assert fakes.uci.packages["offload"][-1].id == "any_wan"  # type: ignore[index]  # no Problem
    found = call(fakes, "set_pair", src="lan", dest="wan", mode="Software")
    assert [(each["src"], each["effective"]) for each in found["changed"]] == [("lan", "software")]


def test_a_full_disk_is_a_sentence_and_changes_nothing(fakes: Fakes) -> None:
    fakes.uci.refusal = "/etc/config/offload cannot be written (No space left on device); nothing was changed"
    assert call(fakes, "set", zone="guest", mode="software") == {"ok": False, "error": fakes.uci.refusal}
    assert len(fakes.nft.sent) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"zone": "dmz", "mode": "none"}, "zone: there is no zone 'dmz'; the zones: lan, guest, wan"),
        ({"zone": "x" * 300, "mode": "none"}, "zone: there is no zone '" + "x" * 60 + "...'; the zones: " + ZONES),
        ({"zone": "lan", "mode": "fast"}, "mode: 'fast' is no mode: write none, software or hardware"),
        (
            {"zone": "gest", "mode": "none"},
            "zone: there is no zone 'gest' (did you mean 'guest'?); the zones: lan, guest, wan",
        ),
        (
            {"zone": "lan", "mode": "softwre"},
            "mode: 'softwre' is no mode (did you mean 'software'?): write none, software or hardware",
        ),
        ({"zone": "moon", "mode": "on"}, "mode: 'on' is no mode: write none, software or hardware"),
        ({"zone": "lan\n", "mode": "none"}, f"zone: there is no zone 'lan?' (did you mean 'lan'?); the zones: {ZONES}"),
    ],
)
def test_what_cannot_be_meant_is_refused(fakes: Fakes, words: dict[str, str], sentence: str) -> None:
    assert call(fakes, "set", **words) == {"ok": False, "error": sentence, "usage": True}


def test_flows_come_in_pages(fakes: Fakes) -> None:
    fakes.conntrack.held = list(FLOWS)
    first = call(fakes, "flows", query={})
    assert (first["total"], first["offset"], first["limit"], len(first["flows"])) == (700, 0, 200, 200)
    last = call(fakes, "flows", query={"offset": 600, "limit": 5000, "host": "192.168.1.10"})
    assert (last["limit"], len(last["flows"])) == (500, 100)
    assert "zone" in call(fakes, "flows", query={"zone": "dmz"})["error"]
    assert "'colour'" in call(fakes, "flows", query={"colour": 1})["error"]


def test_flush_returns_the_tables_of_the_flows_meant(fakes: Fakes) -> None:
    assert call(fakes, "flush", query={}) == {"ok": True, "returned": ["flow_offload"], "flows": 0}
    fakes.conntrack.held = FLOWS[:3]
    assert call(fakes, "flush", query={}) == {"ok": True, "returned": ["flow_offload"], "flows": 3}
    assert call(fakes, "flush", query={"zone": "lan"}) == {"ok": True, "returned": ["flow_offload"], "flows": 3}
    assert call(fakes, "flush", query={"zone": "guest"}) == {"ok": True, "returned": [], "flows": 0}
    fakes.conntrack.held = [entry("192.168.1.10#1 > 198.51.100.1#443", status=FAST | IPS_HW_OFFLOAD)]
    assert call(fakes, "flush", query={"zone": "lan"})["returned"] == []  # there is no hardware table
    assert len(fakes.nft.sent) == 4


def test_flush_leaves_slow_connections_to_the_kernel(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def entries(*, offloaded: bool = False) -> list[Entry]:
        asked.append(offloaded)
        return []

    monkeypatch.setattr(fakes.conntrack, "entries", entries)
    assert call(fakes, "flush", query={"zone": "lan"})["ok"]
    assert asked == [True]


def test_cut_ends_the_connections_meant_and_needs_a_word(fakes: Fakes) -> None:
    fakes.conntrack.held = FLOWS[:3]
    assert call(fakes, "cut", query={"host": "192.168.1.11"}) == {"ok": True, "flows": 0, "ended": 0}
    assert (
        call(fakes, "cut", query={})["error"] == "query: name whose connections are to end: zone, host, state or flow"
    )
    assert fakes.conntrack.deleted == []
    assert call(fakes, "cut", query={"host": "192.168.1.10"}) == {"ok": True, "flows": 3, "ended": 3}
    assert fakes.conntrack.deleted == FLOWS[:3]


ONE = {"proto": "udp", "src": "192.168.1.10", "sport": 2, "dest": "198.51.100.1", "dport": 443}


def test_cut_ends_one_connection_as_flows_shows_it(fakes: Fakes) -> None:
    other = entry("192.168.1.10#2 > 198.51.100.1#443", proto=6, status=FAST)
    fakes.conntrack.held = [*FLOWS[:3], other]
    shown = call(fakes, "flows", query={})["flows"]
    assert ONE in [{key: flow[key] for key in ONE} for flow in shown]
    assert call(fakes, "cut", query={"flow": ONE}) == {"ok": True, "flows": 1, "ended": 1}
    assert fakes.conntrack.deleted == [FLOWS[1]]
    assert call(fakes, "cut", query={"flow": ONE | {"sport": 9}}) == {"ok": True, "flows": 0, "ended": 0}


@pytest.mark.parametrize("proto", ["UDP", "17", 17])
def test_cut_takes_a_protocol_in_each_form(fakes: Fakes, proto: object) -> None:
    fakes.conntrack.held = FLOWS[:3]
    assert call(fakes, "cut", query={"flow": ONE | {"proto": proto}})["ended"] == 1


@pytest.mark.parametrize(
    ("flow", "sentence"),
    [
        ("x", "flow: 'x' is not a table"),
        ({}, "flow: name one connection by dest, dport, proto, sport, src, and nothing else"),
        (ONE | {"state": "slow"}, "flow: name one connection by dest, dport, proto, sport, src, and nothing else"),
        (ONE | {"src": "192.168.1.0/24"}, "flow src: '192.168.1.0/24' is not an IPv4 or IPv6 address"),
        (ONE | {"src": "2001:db8::1"}, "flow: src and dest are addresses of two families, IPv4 and IPv6"),
        (
            ONE | {"src": "fe80::1%br-lan", "dest": "fe80::2"},
            "flow src: 'fe80::1%br-lan' is not an IPv4 or IPv6 address",
        ),
        (ONE | {"src": 3232235786}, "flow src: '3232235786' is not an IPv4 or IPv6 address"),
        (ONE | {"proto": ["tcp"]}, f"flow proto: '['tcp']' {NO_PROTOCOL}"),
        (ONE | {"proto": True}, f"flow proto: 'True' {NO_PROTOCOL}"),
        (ONE | {"proto": "smoke"}, f"flow proto: 'smoke' {NO_PROTOCOL}"),
        (ONE | {"dport": 65_536}, "flow dport: '65536' is not a whole number from 0 to 65535"),
    ],
)
def test_what_is_not_one_connection_ends_nothing(fakes: Fakes, flow: Any, sentence: str) -> None:
    fakes.conntrack.held = FLOWS[:3]
    assert call(fakes, "cut", query={"flow": flow}) == {"ok": False, "error": sentence, "usage": True}
    assert fakes.conntrack.deleted == []


@pytest.mark.parametrize("method", ["cut", "flush"])
@pytest.mark.parametrize(
    "word", [{"limit": 1}, {"sort": "src"}, {"offset": 1}, {"all": True}, {"colour": "x"}], ids=str
)
def test_words_that_choose_no_flows_are_refused_where_there_is_no_way_back(
    fakes: Fakes, method: str, word: dict[str, Any]
) -> None:
    fakes.conntrack.held = FLOWS[:3]
    found = call(fakes, method, query={"host": "192.168.1.10"} | word)
    sentence = f"query: '{next(iter(word))}' does not choose flows: use zone, host, state"
    assert found == {"ok": False, "error": sentence, "usage": True}
    assert fakes.conntrack.deleted == [] and len(fakes.nft.sent) == 1


def test_check_reports_what_status_reports(fakes: Fakes) -> None:
    fakes.uci.packages["offload"] = (
        *OFFLOAD,
        section("offload", "pair", "p", src="wan", dest="guest", mode="none"),
    )
    fakes.service.work()
    problems = call(fakes, "check")["problems"]
    assert problems == call(fakes, "status")["problems"] and len(problems) == 1


def of_rules(fakes: Fakes) -> list[dict[str, Any]]:
    """The findings of `check` about rules of other programs."""
    return [each for each in call(fakes, "check")["findings"] if each["code"].startswith("RULE_")]


def test_check_names_the_option_that_mends_what_it_finds(fakes: Fakes) -> None:
    forward = LiveChain("inet", "rates", "forward", "forward", 0)
    limit = LiveRule("inet", "rates", "forward", ("limit", "drop"), match=RuleMatch(iif="br-lan"))
    fakes.nft.foreign = ((forward,), (limit,))
    off = section("offload", "globals", "globals", auto_exempt="0")
    fakes.uci.packages["offload"] = (*OFFLOAD, off)
    fakes.service.work()
    (found,) = of_rules(fakes)
    assert (found["code"], found["severity"], found["option"]) == ("RULE_LIMITS", "problem", "auto_exempt")
    fakes.uci.packages["offload"] = OFFLOAD
    fakes.service.work()
    (found,) = of_rules(fakes)
    assert (found["code"], found["severity"], found["option"]) == ("RULE_LIMITS", "notice", "")


def test_a_rule_about_the_device_of_a_vrf_is_no_problem(fakes: Fakes) -> None:
    links = (replace(each, master="vrf0") if each.name == "br-lan" else each for each in fakes.netlink.found.links)
    fakes.netlink.found = replace(fakes.netlink.found, links=(*links, Link("vrf0", kind="vrf")))
    forward = LiveChain("inet", "rates", "forward", "forward", 0)
    limit = LiveRule("inet", "rates", "forward", ("limit", "drop"), match=RuleMatch(iif="vrf0"))
    fakes.nft.foreign = ((forward,), (limit,))
    fakes.service.work()
    assert [each["severity"] for each in of_rules(fakes)] == ["notice"]


@pytest.mark.parametrize(("does", "code"), [("ban", "RULE_BANS"), ("time", "RULE_TIMES")])
@pytest.mark.parametrize("served", [True, False], ids=["service", "command"])
def test_check_promises_a_return_to_such_rules_only_where_the_service_runs(
    fakes: Fakes, does: str, code: str, served: bool
) -> None:
    decided = fakes.service.decided
    assert decided is not None
    rules = (PacketRule("inet bans", "forward", "forward", does),)
    fakes.service.decided = replace(decided, snapshot=replace(decided.snapshot, packet_rules=rules))
    fakes.service.resident = served
    (found,) = of_rules(fakes)
    assert (found["code"], found["severity"], bool(found["done"])) == (code, "notice", served)
    assert ("/etc/init.d/offload start" in found["remedy"]) != served


def test_an_exempt_for_a_while(fakes: Fakes) -> None:
    added = call(fakes, "exempt_add", match={"src_ip": ["192.168.1.50"], "proto": "udp", "dest_port": 53}, timeout=60)
    assert added == {"ok": True, "id": 1, "expires": 60}
    assert '192.168.1.50 . 53 timeout 60s expires 60s comment "1 * * -1 0x0/0x0"' in fakes.nft.sent[-1]
    fakes.clock.now += 20.5
    (listed,) = call(fakes, "status")["exempts"]
    assert listed == {
        "id": 1,
        "match": {"src_ip": ["192.168.1.50"], "proto": ["udp"], "dest_port": ["53"]},
        "timeout": 60,
        "expires": 40,
    }
    # a table that is returned keeps the exempt for the rest of its time
    call(fakes, "flush", query={})
    assert "timeout 60s expires 40s" in fakes.nft.sent[-1]
    fakes.clock.now += 38
    assert call(fakes, "status")["exempts"] == []
    assert fakes.service.work().returned == ()


def restarted(fakes: Fakes, **doors: Any) -> Fakes:
    """Another service on the same router, after the first one removed its tables."""
    fakes.nft.held = {}
    fakes.service = fakes.nft.service = Engine(replace(fakes.service.doors, **doors))
    fakes.service.work()
    return fakes


def test_a_timed_exempt_outlives_the_service(fakes: Fakes) -> None:
    match = {
        "src": "lan",
        "src_ip": ["192.168.1.50", "fd00::/64"],
        "proto": "udp",
        "dest_port": ["53", "1000-2000"],
        "src_port": ["!5060"],
        "dscp": "!46",
    }
    assert call(fakes, "exempt_add", match=match, timeout=60) == {"ok": True, "id": 1, "expires": 60}
    before = call(fakes, "status")["exempts"]
    fakes.clock.now += 20
    restarted(fakes)
    (listed,) = call(fakes, "status")["exempts"]
    assert listed == {**before[0], "expires": 40}
    assert "timeout 60s expires 40s" in fakes.nft.sent[-1]
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.51"}, timeout=60)["id"] == 2
    assert call(fakes, "exempt_delete", id=1)["ok"] is True
    assert [each["id"] for each in call(restarted(fakes), "status")["exempts"]] == [2]
    fakes.clock.now += 60
    assert call(restarted(fakes), "status")["exempts"] == []


def exempted(fakes: Fakes) -> None:
    """The file has two exempts of the same name, one with another, and one that is switched off."""
    fakes.uci.packages["offload"] = (
        *OFFLOAD,
        section("offload", "exempt", "tv", name="TV", src_ip="192.168.1.9"),
        section("offload", "exempt", "a", name="Phone", src_ip="192.168.1.7"),
        section("offload", "exempt", "b", name="Phone", src_ip="192.168.1.8"),
        section("offload", "exempt", "off", enabled="0", src_ip="192.168.1.6"),
    )
    fakes.service.work()


@pytest.mark.parametrize(("name", "gone"), [("tv", "tv"), ("TV", "tv"), ("b", "b"), ("off", "off")])
def test_a_configured_exempt_is_deleted_by_its_section_or_name(fakes: Fakes, name: str, gone: str) -> None:
    exempted(fakes)
    before = [each["section"] for each in call(fakes, "exempt_list")["configured"]]
    reply = call(fakes, "exempt_remove", name=name)
    assert (reply["ok"], reply["section"], reply["returned"]) == (True, gone, [])
    listed = call(fakes, "exempt_list")["configured"]
    assert [each["section"] for each in listed] == [each for each in before if each != gone]
    assert fakes.service.work().changes == 0
    deleted = [line for line in fakes.nft.sent[-1].splitlines() if line.startswith("delete element")]
    addresses = {"tv": ["192.168.1.9"], "b": ["192.168.1.8"], "off": []}[gone]
    assert [address for line in deleted for address in re.findall(r"192[\d.]+", line)] == addresses


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Phone", "name: 2 exempts have the name 'Phone': choose one of a, b"),
        (
            "Phome",
            "name: /etc/config/offload has no exempt 'Phome' (did you mean 'Phone'?): " + LISTED,
        ),
        ("lan", "name: /etc/config/offload has no exempt 'lan': " + LISTED),
        (["tv"], "name: /etc/config/offload has no exempt '['tv']': " + LISTED),
    ],
)
def test_an_exempt_that_is_not_there_or_not_alone_is_not_deleted(fakes: Fakes, name: object, sentence: str) -> None:
    exempted(fakes)
    before = fakes.uci.packages["offload"]
    assert call(fakes, "exempt_remove", name=name) == {"ok": False, "error": sentence, "usage": True}
    assert fakes.uci.packages["offload"] == before


def test_an_exempt_whose_deletion_nft_refuses_is_deleted_in_the_file(fakes: Fakes) -> None:
    exempted(fakes)
    fakes.nft.refusals = ["Device or resource busy"] * 3
    reply = call(fakes, "exempt_remove", name="tv")
    assert (reply["ok"], reply["section"]) == (False, "tv")
    assert reply["error"] == "written to /etc/config/offload, but not yet in the kernel: Device or resource busy"
    fakes.nft.refusals = []
    assert fakes.service.work().changes == 1


def test_what_the_kernel_holds_is_truer_than_the_file(fakes: Fakes) -> None:
    call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=60)
    held = fakes.nft.live(TABLE_NAMES)
    (table,) = held.values()
    timed = TimedElement("exempt_ip4_saddr_abc123_t", "192.168.1.50", "1 * * -1 0x0/0x0", 60, 50)
    fakes.saved.content = (fakes.saved.content or b"").replace(b'"timeout": 60', b'"timeout": 600')
    fakes.service = fakes.nft.service = Engine(fakes.service.doors)
    fakes.nft.held = {table.name: replace(table, timed=(timed,))}
    fakes.service.work()
    assert [each["timeout"] for each in call(fakes, "status")["exempts"]] == [60]


@pytest.mark.parametrize(
    "entry",
    [
        {"match": {"src_ip": "not an address"}},
        {"match": {"src": "nowhere", "src_ip": "192.168.1.50"}},
        {"match": {}},
        {"match": "all"},
        {"id": 0},
        {"id": "1"},
        {"id": True},
        {"timeout": 10**9},
        {"timeout": -1},
        {"ends": 999.0},
        {"ends": 5000.0},
        {"ends": float("nan")},
        {"ends": 10**400},
        {"ends": "1010"},
    ],
)
def test_an_entry_of_the_file_that_cannot_be_meant_is_passed_over(fakes: Fakes, entry: dict[str, Any]) -> None:
    good = {"id": 7, "match": {"src_ip": "192.168.1.9"}, "timeout": 60, "ends": 1050.0}
    fakes.saved.content = json.dumps([{**good, "id": 8, **entry}, good, [], None, 1]).encode()
    assert [each["id"] for each in call(restarted(fakes), "status")["exempts"]] == [7]


WORDS = st.sampled_from(["id", "match", "timeout", "ends", "src_ip"])
VALUES = st.recursive(
    st.none() | st.text() | st.floats() | st.integers(), lambda each: st.lists(each) | st.dictionaries(WORDS, each)
)


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_file_is_survived(content: bytes) -> None:
    fakes = router()
    fakes.saved.content = content
    assert call(restarted(fakes), "status")["ok"] is True


def test_a_file_of_another_owner_is_a_sentence(fakes: Fakes) -> None:
    fakes.saved.refusal = "/var/run/offload/exempts.json cannot be read: it belongs to another user"
    restarted(fakes)
    assert ("offload.degraded", {"error": fakes.saved.refusal}) in fakes.service.news
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=60)["ok"] is True


def test_the_shortest_exempt_reaches_the_kernel(fakes: Fakes) -> None:
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=3)["ok"] is True
    assert "192.168.1.50 timeout 3s expires 3s" in fakes.nft.sent[-1]


def test_who_asks_in_its_last_seconds_leaves_an_exempt_its_tidying_pass(fakes: Fakes) -> None:
    call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=60)
    fakes.clock.now += 59
    assert call(fakes, "status")["exempts"] == []
    assert fakes.service.timed_exempts.next_end() is not None
    assert not fakes.service.timed_exempts.ended(fakes.clock())
    fakes.clock.now += 1.5
    assert fakes.service.timed_exempts.ended(fakes.clock())
    assert not fakes.service.timed_exempts.ended(fakes.clock())
    assert fakes.service.work().changes == 1


def test_the_same_exempt_again_takes_the_place_of_the_first(fakes: Fakes) -> None:
    call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=60)
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=600)["id"] == 2
    assert [each["expires"] for each in call(fakes, "status")["exempts"]] == [600]
    assert call(fakes, "exempt_delete", id=1)["ok"] is False
    assert call(fakes, "exempt_delete", id=2)["ok"] is True
    assert call(fakes, "status")["exempts"] == []


def test_an_exempt_that_nft_refuses_is_not_stored(fakes: Fakes) -> None:
    fakes.nft.refusals = ["Out of memory"] * 3
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=60)["error"] == "Out of memory"
    assert call(fakes, "status")["exempts"] == []


def test_an_exempt_that_nft_refuses_leaves_the_one_it_was_to_replace(fakes: Fakes) -> None:
    call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=3600)
    fakes.nft.refusals = ["Device or resource busy"] * 3
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=7200)["ok"] is False
    fakes.nft.refusals = []
    assert [(each["id"], each["expires"]) for each in call(fakes, "status")["exempts"]] == [(1, 3600)]
    assert fakes.service.work().changes == 0
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=7200)["id"] == 3


def test_an_exempt_whose_end_nft_refuses_goes_on(fakes: Fakes) -> None:
    call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=3600)
    stored = fakes.saved.content
    fakes.nft.refusals = ["Device or resource busy"] * 3
    assert call(fakes, "exempt_delete", id=1)["error"] == "Device or resource busy"
    fakes.nft.refusals = []
    assert [(each["id"], each["expires"]) for each in call(fakes, "exempt_list")["exempts"]] == [(1, 3600)]
    assert (fakes.saved.content, fakes.service.work().changes) == (stored, 0)
    assert call(fakes, "exempt_delete", id=1)["ok"] is True
    assert call(fakes, "exempt_list")["exempts"] == []


@pytest.mark.parametrize(
    ("match", "timeout", "word"),
    [
        ({"src_ip": "192.168.1.500"}, 60, "src_ip"),
        ({"src_ip": "192.168.1.5"}, 0, "timeout"),
        ({"src_ip": "192.168.1.5"}, 2, "timeout: '2' is not a whole number from 3 to 2592000"),
        ({"src_ip": "192.168.1.5"}, True, "timeout"),
        ({"src_ip": "192.168.1.5"}, 10**9, "timeout"),
        ({"proto": "icmp"}, 60, "never offloaded"),
        ({"src": "lan"}, 60, "config exempt"),
        ({"dscp": "EF"}, 60, "config exempt"),
        ({"src_ip": "!192.168.1.5"}, 60, "config exempt"),
        ({"src_ip": "192.168.1.5", "dest_ip": [f"!10.0.0.{n}" for n in range(10)]}, 60, "what it excludes"),
        ({}, 60, "match: this section names nothing"),
        ({"enabled": "0"}, 60, "'enabled'"),
        ({"src": "dmz", "src_ip": "192.168.1.5"}, 60, "dmz"),
        ({"name": "x"}, 60, "'name'"),
        ({"src_ip": {"a": 1}}, 60, "src_ip"),
        ({"src_ip": ["10.0.0.1"] * 300}, 60, "256"),
        ({"src_ip": [f"10.0.0.{n}" for n in range(20)], "dest_ip": [f"10.0.1.{n}" for n in range(20)]}, 60, "256"),
        ([], 60, "match"),
    ],
)
def test_an_exempt_that_cannot_be_meant_names_its_reason(fakes: Fakes, match: Any, timeout: Any, word: str) -> None:
    found = call(fakes, "exempt_add", match=match, timeout=timeout)
    assert found["ok"] is False and word in found["error"]
    assert len(fakes.nft.sent) == 1


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
WORDS = st.sampled_from(
    [
        "zone",
        "mode",
        "src",
        "dest",
        "query",
        "match",
        "timeout",
        "id",
        "host",
        "state",
        "sort",
        "limit",
        "offset",
        "all",
        "src_ip",
    ]
)
ARGUMENTS = st.dictionaries(WORDS, JUNK | st.dictionaries(WORDS, JUNK, max_size=4), max_size=5)


@settings(gate, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(METHODS)), ARGUMENTS)
def test_whatever_is_sent_the_answer_is_a_table_and_no_fault_of_ours(
    fakes: Fakes, method: str, words: dict[str, Any]
) -> None:
    found = answer(fakes.service, METHODS[method], words)
    assert found["ok"] is True or method == "check" or "fault of offload" not in found["error"], found
    json.dumps(found, allow_nan=False)


def test_a_fault_of_ours_is_a_reply_too(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.service.decided = "nonsense"  # type: ignore[assignment]
    assert call(fakes, "status") == {"ok": False, "error": "a fault of offload itself: AttributeError"}
    assert "AttributeError" in capsys.readouterr().err


def test_a_reply_too_large_for_ubus_is_cut_and_counts_what_is_missing() -> None:
    found = fitting({"ok": True, "zones": ["z"], "pairs": ["x" * 100] * 10_000})
    assert size(found) <= LARGEST_REPLY
    assert len(found["pairs"]) + found["left_off"]["pairs"] == 10_000 and found["zones"] == ["z"]
    assert fitting({"text": "x" * LARGEST_REPLY})["ok"] is False


SHORT = st.sampled_from(["", "a", "ab", "é", "\x01", 0, 1 << 31, 0.5, True, None])
SHAPES = st.recursive(
    SHORT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=7), inner, max_size=3)
)


@given(SHAPES)
def test_a_reply_of_whatever_shape_fits_ubus(value: Any) -> None:
    count = 1 + LARGEST // size(value)  # so many that ubusd would drop the service
    assert size(fitting({"ok": True, "values": [value] * count})) < LARGEST


def test_at_the_limit_an_exempt_is_still_replaced(fakes: Fakes) -> None:
    call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=60)
    fakes.service.timed_exempts.adopt(
        (TimedExempt(2 + number, exempt_of("", "", mark=(number, 0xFFFFFFFF)), 60, 60) for number in range(MOST - 1)),
        fakes.clock.now,
    )
    assert "as many" in call(fakes, "exempt_add", match={"src_ip": "192.168.1.51"}, timeout=60)["error"]
    assert call(fakes, "exempt_add", match={"src_ip": "192.168.1.50"}, timeout=600)["ok"] is True
    assert "as many" in call(fakes, "exempt_add", match={"src_ip": "192.168.1.51"}, timeout=60)["error"]
