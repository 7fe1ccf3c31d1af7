"""Connections that configured rules refuse now and did not before: all for which that is sure, and no others."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offload.compiler.firewall.tracing import refused
from offload.compiler.firewall.tracing.packet import Packet
from offload.compiler.firewall.tracing.refused import Connection, Rules, newly_refused, refusal, times
from offload.compiler.firewall.tracing.trace import Hook, at_hook
from offload.model.kernel.nft import Chain
from offload.model.sections.section import Section
from offload.service.firewall.inputs import compiled, read
from offload.system.firewall_files import FakeFirewallFiles
from service.routers import FIREWALL, REPLY, section

NOON = 1_767_268_800.0  # 12:00 UTC
DEVICES = {"lan": "br-lan", "guest": "br-guest", "wan": "wan"}
NEAR, FAR = "192.168.1.5", "198.51.100.9"
FORWARDED = section("firewall", "redirect", "p", src="wan", src_dport="8080", dest="lan", dest_ip=NEAR, dest_port="80")
HOURS = {"start_time": "13:00", "stop_time": "14:00", "utc_time": "1"}


def drop(**options: str) -> Section:
    return section(
        "firewall", "rule", "new", **({"name": "New", "src": "lan", "dest": "wan", "target": "DROP"} | options)
    )


def rules(*sections: Section, moment: float = NOON, files: FakeFirewallFiles | None = None) -> Rules:
    there = files or FakeFirewallFiles()
    asked = read((*FIREWALL, *sections), REPLY, None, there, frozenset(), {}, there.installed())
    return Rules.of(compiled(asked, exact=True), moment)


def connection(src: str = "lan", dest: str = "wan", proto: str = "tcp", dport: int = 443, mac: str = "") -> Connection:
    near, far = (int(ip_address(address)) for address in (NEAR, FAR))
    packet = Packet(4, proto, DEVICES[src], DEVICES[dest], near, far, 40_000, dport, mac)
    return Connection(packet, packet)


def came_in() -> Connection:
    """A connection through the port forward."""
    ends = int(ip_address(FAR)), int(ip_address("203.0.113.7"))
    arriving = Packet(4, "tcp", "wan", "", *ends, 40_000, 8080)
    forwarded = arriving._replace(oif="br-lan", dest_ip=int(ip_address(NEAR)), dest_port=80, translated=True)
    return Connection(arriving, forwarded)


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({}, True),
        ({"dest_port": "443"}, True),
        ({"dest_port": "80"}, False),
        ({"target": "REJECT"}, True),
        ({"target": "ACCEPT"}, False),
        ({"proto": "udp"}, False),
        ({"family": "ipv6"}, False),
        ({"src_ip": NEAR}, True),
        ({"dest_ip": f"!{FAR}"}, False),
        ({"src": "guest"}, False),
        ({"src": "*", "dest": "*"}, True),
        ({"dest": ""}, False),  # of the router itself
        ({"src_mac": "00:11:22:33:44:55"}, True),
        ({"src_mac": "00:11:22:33:44:56"}, False),
        ({"mark": "1"}, False),  # none of these can be read from a connection
        ({"dscp": "EF"}, False),
        ({"ipset": "friends"}, False),
        ({"limit": "10/second"}, False),
        ({"dest_ip": "not an address"}, False),  # the firewall may hold it without the condition
        (HOURS, False),
        (HOURS | {"start_time": "11:00"}, True),
    ],
)
def test_what_a_new_rule_refuses(options: dict[str, str], refused: bool) -> None:
    sets = section("firewall", "ipset", "friends", name="friends", match="src_ip")
    judge = newly_refused(rules(sets), rules(sets, drop(**options)))
    found = judge(connection(mac="00:11:22:33:44:55"))
    assert (found is not None) is refused
    assert found is None or (found.origin, found.rule) == ("new", "New")


def test_what_may_be_accepted_before_is_not_refused() -> None:
    may = section("firewall", "rule", "may", src="lan", dest="wan", mark="1", target="ACCEPT")
    assert newly_refused(rules(may), rules(may, drop()))(connection()) is None
    assert newly_refused(rules(may), rules(drop(), may))(connection()) is not None, "the first that matches decides"


def test_rules_in_another_order_refuse_also_where_another_rule_is_new() -> None:
    first, second = drop(target="ACCEPT", dest_port="443"), drop()
    other = drop(proto="udp", dest_port="7")
    assert newly_refused(rules(first, second), rules(second, first, other))(connection()) is not None


def test_a_file_of_nft_statements_may_accept_too() -> None:
    files = FakeFirewallFiles()
    files.packages = (("chain-pre", "forward", "/usr/share/nftables.d/chain-pre/forward/upnp.nft"),)
    assert newly_refused(rules(files=files), rules(drop(), files=files))(connection()) is None


def test_what_was_refused_before_is_not_ended() -> None:
    """Something else accepted it: a rule of another table, or a program's."""
    assert refusal(rules(), connection("guest", "lan")) is not None
    assert newly_refused(rules(), rules(drop(src="guest", dest="lan")))(connection("guest", "lan")) is None


def test_a_forwarding_that_went_refuses() -> None:
    without = tuple(each for each in FIREWALL if each.id != "f1")
    there = FakeFirewallFiles()
    asked = read(without, REPLY, None, there, frozenset(), {}, ())
    judge = newly_refused(rules(), Rules.of(compiled(asked, exact=True), NOON))
    assert judge(connection()) is not None and judge(connection("guest")) is None


def test_a_port_forward_that_went_refuses() -> None:
    other = section("firewall", "redirect", "q", src="wan", src_dport="8081", dest="lan", dest_ip=NEAR, dest_port="81")
    assert newly_refused(rules(FORWARDED, other), rules(other))(came_in()) is not None
    assert newly_refused(rules(other), rules(FORWARDED, other))(came_in()) is None
    assert newly_refused(rules(FORWARDED), rules(FORWARDED, drop(src="wan", dest="lan", dest_port="80")))(came_in())


def test_a_port_forward_of_another_table_never_meets_input() -> None:
    """Docker's, or one of a file in /etc/nftables.d: its connections are forwarded before and after."""
    allowed = section("firewall", "rule", "a", src="wan", proto="tcp", dest_port="8080", target="ACCEPT")
    assert newly_refused(rules(allowed), rules())(came_in()) is None
    maybe = replace(FORWARDED, options={**FORWARDED.options, "mark": "1"})
    assert newly_refused(rules(maybe), rules())(came_in()) is not None, "it may have been ours"


def test_times_that_begin_refuse_and_times_that_end_do_not() -> None:
    before, during, after = (rules(drop(**HOURS), moment=NOON + hour * 3600 + 1) for hour in (0, 1, 3))
    assert newly_refused(before, during)(connection()) is not None
    assert newly_refused(during, after)(connection()) is None
    assert [each.start_time for each in times(before)] == [(13, 0, 0)] * 2  # tcp and udp


def test_of_many_connections_one_of_each_kind_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[Packet] = []

    def counted(chains: Mapping[str, Chain], name: str, packet: Packet) -> Hook:
        traced.append(packet)
        return at_hook(chains, name, packet)

    monkeypatch.setattr(refused, "at_hook", counted)
    new = (drop(dest_port="443"), drop(dest_port="80", src_ip="192.168.1.0/25", dest_ip="!198.51.100.0/28"))
    before, now, one = rules(), rules(*new), connection().forwarded
    near, far = (int(ip_address(address)) for address in (NEAR, FAR))
    many = [one._replace(src_ip=near + more, dest_ip=far + more, src_port=more) for more in range(200)]
    many += [each._replace(dest_port=port) for each in many for port in (80, 81)]
    judge = newly_refused(before, now)
    found = [judge(Connection(each, each)) for each in many]
    assert len(traced) < 50
    assert found == [newly_refused(before, now)(Connection(each, each)) for each in many[:20]] + found[20:]
    anew = [newly_refused(before, now)(Connection(each, each)) for each in many[200::9]]
    assert found[200::9] == anew and None in anew and any(anew)


OPTIONS = st.fixed_dictionaries(
    {"target": st.sampled_from(("DROP", "REJECT", "ACCEPT"))},
    optional={
        "src": st.sampled_from(("lan", "guest", "*")),
        "dest": st.sampled_from(("wan", "lan", "*")),
        "proto": st.sampled_from(("tcp", "udp", "all", "!tcp")),
        "dest_port": st.sampled_from(("443", "!443", "400-500", "80")),
        "src_ip": st.sampled_from((NEAR, f"!{NEAR}", "192.168.1.0/24", "2001:db8::1")),
        "dest_ip": st.sampled_from((FAR, f"!{FAR}")),
        "src_mac": st.just("00:11:22:33:44:55"),
        "mark": st.just("1"),
        "start_time": st.sampled_from(("11:00", "12:30")),
        "stop_time": st.sampled_from(("11:30", "13:00")),
    },
)
SECTIONS = st.lists(OPTIONS, max_size=4)
CONNECTIONS = [
    connection(src, dest, proto, port, mac)
    for (src, dest), proto, port, mac in product(
        (("lan", "wan"), ("guest", "wan"), ("guest", "lan")), ("tcp", "udp"), (443, 80), ("", "00:11:22:33:44:55")
    )
]


@st.composite
def old_and_new(draw: st.DrawFn) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Two lists of rules, of which the second has some of the first in any order."""
    old = draw(SECTIONS)
    stay = draw(st.permutations(old)) if old else []
    return old, [*stay[: draw(st.integers(0, len(old)))], *draw(SECTIONS)]


@given(old_and_new(), st.integers(0, 7200))
@settings(deadline=None)
def test_only_what_a_changed_rule_meets_is_traced_and_that_is_enough(
    both: tuple[list[dict[str, str]], list[dict[str, str]]], seconds: int
) -> None:
    old, new = both

    def made(found: list[dict[str, str]], moment: float) -> Rules:
        sections = (drop(**options) for options in found)
        return rules(*sections, moment=moment)

    before, now = made(old, NOON), made(new, NOON + seconds)
    judge = newly_refused(before, now)
    for each in CONNECTIONS:
        was, refused = (refusal(every, each) for every in (before, now))
        assert (judge(each) is not None) is (was is None and refused is not None)


def test_a_port_forward_that_is_gone_ends_connections_with_synflood_protect_too() -> None:
    protected = section("firewall", "defaults", "d", input="REJECT", forward="REJECT", synflood_protect="1")
    assert newly_refused(rules(protected, FORWARDED), rules(protected))(came_in())
