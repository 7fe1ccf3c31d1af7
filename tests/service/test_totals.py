"""Totals by pair, host and path: what is counted where, how many hosts there are, and what users see of it."""

from argparse import Namespace
from collections import defaultdict
from dataclasses import replace
from ipaddress import IPv4Address, ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.cli import top
from offload.cli.answer import Exit
from offload.errors import KernelError, UsageError
from offload.model.config import Mode, Zone
from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY, IPS_SRC_NAT, Entries, Entry, State
from offload.model.network import Address, Snapshot
from offload.service.bus.ubus_object import METHODS, answer
from offload.service.counting import looking, sightings
from offload.service.counting.sightings import EndedPath, Sightings
from offload.service.counting.totals import EVERY, MOST_HOSTS, Totals
from offload.status.counts import PATHS, WIDTH, Counts, Path
from offload.status.lookup.wan_side import wan_side
from offload.status.lookup.zone_lookup import ZoneLookup
from offload.status.shares import ShareCount
from offload.status.text.totals_text import totals_text
from service.routers import Fakes, router
from status.routers import HOME, entry, packed, pair, plan, route, zone
from test_cli_service import Router

PLAN = plan(pair("lan", "wan"), pair("guest", "wan", Mode.NONE), pair("lan", "guest"))
ZONES = ZoneLookup(HOME, PLAN)
OUT = "192.168.1.2#5000 > 198.51.100.9#443"
GUEST = "192.168.2.9#5000 > 198.51.100.9#443"
WAYS = [OUT, GUEST, "192.168.1.3#7 > 192.168.2.9#8", "203.0.113.7#68 > 198.51.100.9#67", "10.9.9.9#1 > 10.8.8.8#2"]
MARKS = {State.SLOW: 0, State.SOFTWARE: IPS_OFFLOAD, State.HARDWARE: IPS_OFFLOAD | IPS_HW_OFFLOAD}
SINCE = "2026-11-01T10:00:00+00:00"


def ending(sightings: Sightings) -> EndedPath:
    return EndedPath(sightings, PLAN, HOME)


def path_of(found: Entry, seen: Entry | None = None) -> Path:
    """The path of a connection that ended, after one was seen."""
    sightings = Sightings()
    sightings.see([seen.values] if seen else [])
    return ending(sightings)(found, *ZONES.ends(found))


@pytest.mark.parametrize("state", list(State))
def test_a_connection_that_was_seen_counts_for_that_path(state: State) -> None:
    seen = entry(OUT, status=IPS_SEEN_REPLY | MARKS[state])
    assert path_of(entry(OUT), seen) is (None if state is State.SLOW else state)


@pytest.mark.parametrize(
    ("found", "path"),
    [
        (entry(OUT), None),  # it may have been fast between two readings
        (entry(OUT, proto=6, tcp_state=7), None),  # TIME_WAIT, where it left the fast path
        (entry(OUT, packets=None, octets=None), None),
        (entry(OUT, packets=(1, 1)), State.SLOW),  # DNS
        (entry(OUT, status=0), State.SLOW),  # no reply
        (entry(OUT, helper="sip"), State.SLOW),
        (entry("192.168.1.2 > 198.51.100.9", proto=1), State.SLOW),
        (entry(GUEST), State.SLOW),  # a pair without offload
        (entry(OUT.replace(".1.2", ".2.2").replace("198.51.100.9", "192.168.1.2")), State.SLOW),  # no such pair
    ],
)
def test_one_that_was_not_seen_is_slow_only_where_it_cannot_have_been_fast(found: Entry, path: Path) -> None:
    assert path_of(found) is path


def test_the_fastest_path_counts_until_the_connection_ends() -> None:
    sightings = Sightings()
    marks = (State.HARDWARE, State.SOFTWARE, State.SLOW)
    assert [sightings.see([entry(OUT, status=MARKS[state]).values]) for state in marks] == [1, 1, 0]
    assert sightings.of(entry(OUT)) is State.HARDWARE
    assert [ending(sightings)(entry(OUT), *ZONES.ends(entry(OUT))) for _ in "12"] == [State.HARDWARE, None]


def test_connections_whose_end_was_missed_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MOST", 1)
    found = Sightings()
    found.see([entry(OUT, status=IPS_OFFLOAD).values, entry(GUEST, status=IPS_OFFLOAD).values])
    found.begin()
    assert found.of(entry(OUT)) is None


def test_a_masqueraded_connection_counts_for_the_host_inside() -> None:
    out = entry(OUT, "198.51.100.9#443 > 203.0.113.7#5000", status=IPS_SEEN_REPLY | IPS_SRC_NAT)
    totals = Totals()
    totals.add([out], ZONES, ending(Sightings()))
    assert (set(totals.pairs), set(totals.hosts)) == ({("lan", "wan")}, {packed("192.168.1.2")})


@pytest.mark.parametrize(("gateway", "host"), [("203.0.113.1", []), ("192.168.2.9", ["192.168.2.9"])])
def test_an_address_on_the_wan_side_is_no_host(fakes: Fakes, gateway: str, host: list[str]) -> None:
    """All zones of this router masquerade, its lan too."""
    fakes.conntrack.held = [entry(f"192.168.1.3#5 > {gateway}#80")]
    reply = answer(fakes.service, METHODS["totals"], {})
    assert [each["host"] for each in reply["hosts"]] == ["192.168.1.2", "192.168.1.3", *host]


def test_the_zones_on_the_wan_side() -> None:
    names = ("lan", "guest", "wan", "vpn", "office")
    zones = [Zone(name, name, masq=name != "office") for name in names]
    there = plan(pair("lan", "wan"), pair("guest", "wan"), pair("lan", "vpn"), pair("lan", "office"))
    assert wan_side(zones, there, HOME) == {"wan", "vpn"}
    halves = (route("0.0.0.0/1", "wg0"), route("128.0.0.0/1", "wg0"))
    through = replace(there, zones=(*there.zones, zone("office", "wg0")))
    assert wan_side(zones, through, replace(HOME, routes=(*HOME.routes, *halves))) == {"wan", "vpn", "office"}


@given(st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from([*State]), st.sampled_from([*State]))))
def test_live_connections_count_as_ended_ones_do(given_: list[tuple[str, State, State]]) -> None:
    """Each for the faster of its present path and those on which it was seen."""
    marked = [entry(way, status=MARKS[state], octets=(number, 3)) for number, (way, state, _) in enumerate(given_)]
    found, alike, sightings, calls = Totals(), Totals(), Sightings(), list[int]()
    sightings.see(entry(way, status=MARKS[before]).values for way, _, before in given_)
    count = ShareCount(HOME, PLAN)
    count.add(each.row for each in marked)
    found.add_live(count, Entries(marked), ZONES, sightings.of_values, {"guest"}, lambda: calls.append(1))
    faster = {each: max(each.state, sightings.of(each) or State.SLOW, key=[*State].index) for each in marked}
    alike.add(marked, ZONES, lambda each, *_: faster[each], {"guest"})
    assert (found.pairs, found.hosts) == (alike.pairs, alike.hosts)


def test_hints_are_followed_while_live_connections_are_counted(fakes: Fakes) -> None:
    calls = list[int]()
    fakes.conntrack.between = lambda: calls.append(1)
    fakes.conntrack.held = [entry(f"192.168.1.3#{port} > 198.51.100.9#443") for port in range(1, 5 * EVERY)]
    assert answer(fakes.service, METHODS["totals"], {})["ok"]
    assert len(calls) == 5, "one for the dump, four for the count"


@given(st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from([*State, None]), st.integers(0, 9))))
def test_the_totals_are_the_sum_of_what_was_counted(given_: list[tuple[str, Path, int]]) -> None:
    totals, paths = Totals(), iter([path for _, path, _ in given_])
    expected = defaultdict[Any, Counts](Counts)
    names = {OUT: ("lan", "wan"), GUEST: ("guest", "wan"), WAYS[2]: ("lan", "guest"), WAYS[4]: ("wan", "wan")}
    inside = {OUT: ["192.168.1.2"], GUEST: ["192.168.2.9"], WAYS[2]: ["192.168.1.3", "192.168.2.9"]}
    for way, path, size in given_:
        for key in (names.get(way), *map(packed, inside.get(way, ()))):
            if key:
                expected[key].add(path, 2 * size, 3 * size)
    entries = [entry(way, packets=(size, size), octets=(size, 2 * size)) for way, _, size in given_]
    totals.add(entries, ZONES, lambda *_: next(paths))
    counted: dict[Any, Counts] = {**totals.pairs, **totals.hosts}
    assert counted == expected
    assert totals.copy() == Totals(pairs=totals.pairs, hosts=totals.hosts, others=totals.others)


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 2**40)), min_size=1, max_size=900))
def test_hosts_are_bounded_and_what_is_merged_is_not_lost(sizes: list[tuple[int, int]]) -> None:
    totals = Totals()
    for at in range(0, len(sizes), 300):
        batch = [
            entry(f"{IPv4Address('192.168.1.2') + host % 250}#{host} > 198.51.100.9#443", octets=(size, 0))
            for host, size in sizes[at : at + 300]
        ]
        totals.add(batch, ZONES, lambda *_: None)
    more = [entry(f"{IPv4Address('10.0.0.1') + host}#1 > 198.51.100.9#443", octets=(size, 0)) for host, size in sizes]
    totals.add(more, ZoneLookup(wide("10.0.0.0/16"), PLAN), lambda *_: State.SOFTWARE)
    assert len(totals.hosts) <= MOST_HOSTS
    every = [*totals.hosts.values(), totals.others]
    assert sum(sum(counts.octets) for counts in every) == 2 * sum(size for _, size in sizes)
    assert sum(sum(counts.flows) for counts in every) == 2 * len(sizes)
    assert sum(totals.others.flows) == 0 or len(totals.hosts) == MOST_HOSTS


def wide(network: str) -> Snapshot:
    """The router with this network inside."""
    inside = Address("br-lan", ip_interface(network))
    return replace(HOME, addresses=(inside,), routes=(route("0.0.0.0/0", "wan"), route(network, "br-lan")))


@given(st.lists(st.integers(0, 2**70), min_size=WIDTH, max_size=WIDTH))
def test_counts_are_made_of_their_numbers(numbers: list[int]) -> None:
    counts = Counts.of(numbers)
    counts.merge(Counts.of(numbers))
    assert counts.numbers == [2 * number for number in numbers]


@pytest.fixture(name="fakes")
def _fakes() -> Fakes:
    """A service that counts: a connection of lan ended after it was seen in software, and one of guest lives."""
    fakes = router()
    fakes.service.totals.since = SINCE
    fakes.service.work()
    fakes.conntrack.held = [entry(OUT, status=IPS_SEEN_REPLY | IPS_OFFLOAD), entry(GUEST)]
    looking.run(fakes.service, 5.0)
    decided = fakes.service.decided
    assert decided
    placed = fakes.service.with_routes(decided)
    path = EndedPath(fakes.service.sightings, decided.plan, placed)
    fakes.service.totals.add([entry(OUT, octets=(10**9, 0))], ZoneLookup(placed, decided.plan), path)
    fakes.conntrack.held = [entry(GUEST)]
    return fakes


def test_the_method_counts_the_ended_and_the_living(fakes: Fakes) -> None:
    reply = answer(fakes.service, METHODS["totals"], {})
    assert (reply["ok"], reply["since"], reply["complete"]) == (True, SINCE, True)
    assert [(each["host"], each["zone"], each["bytes"]) for each in reply["hosts"]] == [
        ("192.168.1.2", "lan", dict.fromkeys(PATHS, 0) | {"software": 10**9}),
        ("192.168.2.9", "guest", dict.fromkeys(PATHS, 0) | {"slow": 1500}),
    ]
    assert [(each["src"], each["dest"], sum(each["flows"].values())) for each in reply["pairs"]] == [
        ("lan", "wan", 1),
        ("guest", "wan", 1),
    ]
    assert answer(fakes.service, METHODS["totals"], {}) == reply  # those alive are not added to what is kept


def test_one_that_is_idle_now_counts_for_the_path_it_was_seen_on(fakes: Fakes) -> None:
    fakes.service.sightings.see([entry(OUT, status=IPS_OFFLOAD).values])
    fakes.conntrack.held = [entry(OUT)]
    (host,) = answer(fakes.service, METHODS["totals"], {})["hosts"]
    assert host["flows"] == dict.fromkeys(PATHS, 0) | {"software": 2}


def test_status_has_the_path_of_what_ended(fakes: Fakes) -> None:
    lan = next(each for each in answer(fakes.service, METHODS["status"], {})["pairs"] if each["src"] == "lan")
    by_path = lan["ended"].pop("by_path")
    assert lan["ended"] == {"flows": 1, "packets": 20, "bytes": 10**9}
    assert by_path["flows"] == dict.fromkeys(PATHS, 0) | {"software": 1}


@pytest.mark.parametrize(("resident", "sentence"), [(True, "does not report connections"), (False, "none runs")])
def test_where_nothing_is_counted_the_reply_says_why(fakes: Fakes, *, resident: bool, sentence: str) -> None:
    fakes.service.totals.since, fakes.service.resident = "", resident
    assert sentence in answer(fakes.service, METHODS["totals"], {})["error"]


def test_readings_rest_and_cost_a_hundredth_of_the_processor(fakes: Fakes) -> None:
    engine = fakes.service
    looking.run(engine, 100.0)
    assert looking.due(engine) == 100.0 + sightings.IDLE
    fakes.conntrack.held = [entry(OUT, status=IPS_OFFLOAD)]
    looking.run(engine, 100.0)
    assert looking.due(engine) == 100.0 + sightings.AGAIN
    engine.sightings.rest(100.0, 1, 2.0)
    assert looking.due(engine) == 300.0
    fakes.conntrack.error = KernelError("busy")
    looking.run(engine, 300.0)
    assert looking.due(engine) == 300.0 + sightings.IDLE


def test_where_nothing_can_be_offloaded_or_counted_nothing_is_read(fakes: Fakes) -> None:
    fakes.service.totals.since = ""
    assert looking.due(fakes.service) is None
    fakes.service.totals.since = SINCE
    fakes.uci.packages["offload"] = ()
    fakes.service.work()
    assert looking.due(fakes.service) is None


def shown(fakes: Fakes, **words: Any) -> Any:
    return top.totals(Router(fakes, runs=True), Namespace(**{"by": "host", "limit": None} | words))


def test_the_command_shows_hosts_and_pairs(fakes: Fakes) -> None:
    assert shown(fakes).text.splitlines() == [
        "Since 2026-11-01 10:00 UTC:",
        "",
        "HOST         ZONE   FLOWS    SLOW  SOFTWARE  HARDWARE  NOT SEEN",
        "192.168.1.2  lan        1       -    1.0 GB         -         -",
        "192.168.2.9  guest      1  1.5 kB         -         -         -",
    ]
    assert "lan > wan        1       -    1.0 GB" in shown(fakes, by="pair").text
    few = shown(fakes, limit="1")
    assert "192.168.2.9" not in few.text and few.notes == ("1 of 2 hosts: --limit shows the others",)


def test_what_the_command_cannot_do_is_said(fakes: Fakes) -> None:
    for words in ({"by": "flow"}, {"limit": "some"}):
        with pytest.raises(UsageError):
            shown(fakes, **words)
    fakes.service.totals.since = ""
    refused = shown(fakes)
    assert (refused.code, refused.text) == (Exit.FAILED, "") and "install" in refused.notes[0]


@given(st.integers(20, 120), st.booleans(), st.lists(st.integers(0, 2**62), min_size=WIDTH, max_size=WIDTH))
def test_any_totals_fit_the_terminal(width: int, whole: bool, numbers: list[int]) -> None:
    counts = {what: dict(zip(PATHS, numbers, strict=False)) for what in ("flows", "packets", "bytes")}
    host = {"host": "2001:db8:1111:2222:3333:4444:5555:6666", "zone": None, **counts}
    reply = {"since": SINCE, "complete": whole, "hosts": [host], "others": counts, "pairs": []}
    text = totals_text(reply, "host", 10, width)
    assert max(map(len, text.splitlines())) <= width
    assert ("at least" in " ".join(text.split())) is not whole
    none = "no connection was forwarded." if whole else "no connection was counted, some may be missing."
    assert " ".join(totals_text(reply, "pair", 10, width).split()).endswith(f" UTC: {none}")
