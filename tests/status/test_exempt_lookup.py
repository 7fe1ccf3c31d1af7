"""Which exempt keeps a connection slow: the Reason names the section, rule or zone, and never a wrong one."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from exempts import exempt_of
from offload.model.config import Mode
from offload.model.flow import IPS_DST_NAT, IPS_OFFLOAD, IPS_SEEN_REPLY, IPS_SRC_NAT, Entry
from offload.model.plan import ExemptMatch, Plan, Table
from offload.model.problems.reason import ReasonCode
from offload.status.flows import flows
from offload.status.lookup.exempt_lookup import ExemptLookup
from status.routers import HOME, ZONES, entry, pair

TCP, UDP = 6, 17
NATTED = IPS_SEEN_REPLY | IPS_SRC_NAT
CALL = entry("192.168.1.50#5000 > 198.51.100.9#443", "198.51.100.9#443 > 203.0.113.7#5000", proto=UDP, status=NATTED)
INTO = IPS_SEEN_REPLY | IPS_DST_NAT
FORWARDED = entry("198.51.100.9#5000 > 203.0.113.7#80", "192.168.1.50#8080 > 198.51.100.9#5000", proto=UDP, status=INTO)
SIX = entry("fd00:1::5#5000 > 2001:db8:9::9#443", proto=UDP)


def match(iifs: tuple[str, ...] = (), oifs: tuple[str, ...] = (), **words: Any) -> ExemptMatch:
    for option in ("src_ip", "dest_ip"):
        given = words.get(option, "").split()
        words[option] = tuple(word if word.startswith("!") else ip_network(word) for word in given)
    return ExemptMatch(exempt_of("name", "@exempt[0]", **words), iifs, oifs, called="exempt @exempt[0]")


def planned(*matches: ExemptMatch, hardware: bool = False) -> Plan:
    table = Table("flow_offload", "sw", hardware, (), (), matches)
    return Plan(tables=(table,), zones=ZONES, pairs=(pair("lan", "wan"), pair("wan", "lan")))


CASES: dict[str, tuple[Entry, ExemptMatch, bool]] = {
    "everything of its devices": (CALL, match(("br-lan",), ("wan",), proto=("udp",)), True),
    "other devices": (CALL, match(("wan",)), False),
    "its source": (CALL, match(src_ip="10.0.0.0/8 192.168.1.0/24"), True),
    "another source": (CALL, match(src_ip="192.168.2.0/24"), False),
    "its destination": (CALL, match(dest_ip="198.51.100.9"), True),
    "another protocol": (CALL, match(proto=("tcp",)), False),
    "its port": (CALL, match(proto=("tcp", "udp"), dest_port=((80, 80), (440, 450))), True),
    "another port": (CALL, match(proto=("udp",), src_port=((1, 4999),)), False),
    "a port forward, where it leads": (FORWARDED, match(dest_ip="192.168.1.50", dest_port=((8080, 8080),)), True),
    "a port forward, as it was asked for": (FORWARDED, match(dest_port=((80, 80),)), False),
    "the other family with the same number": (SIX, match(src_ip="0.0.0.0/0"), False),
    "its own family": (SIX, match(src_ip="0.0.0.0/0 ::/0"), True),
    "a MAC, which conntrack does not show": (CALL, match(src_mac=("00:11:22:33:44:55",)), False),
    "a mark, which conntrack does not show": (CALL, match(mark=(1, 1)), False),
    "a DSCP class, which conntrack does not show": (CALL, match(dscp=0), False),
    "all sources but its own": (CALL, match(src_ip="!192.168.1.50"), False),
    "all sources but another": (CALL, match(src_ip="!192.168.1.51"), True),
    "a network but its address": (CALL, match(src_ip="192.168.1.0/24 !192.168.1.50"), False),
    "a network but another address": (CALL, match(src_ip="192.168.1.0/24 !192.168.1.51"), True),
    "all but an address of the other family": (SIX, match(src_ip="!192.168.1.50"), False),
    "all ports but its own": (CALL, match(proto=("udp",), dest_port=("!443",)), False),
    "all ports but another": (CALL, match(proto=("udp",), dest_port=("!444",)), True),
}


def test_a_mark_of_the_connection() -> None:
    exempt = replace(match(oifs=("wan",)), connmark=True)
    lookup, way = ExemptLookup(planned(exempt)), pair("lan", "wan")
    assert [each.code for each in lookup.reasons(CALL._replace(mark=7), way)] == [ReasonCode.EXEMPTED]
    assert not list(lookup.reasons(CALL._replace(mark=0), way))


@pytest.mark.parametrize("name", CASES)
def test_what_an_exempt_means(name: str) -> None:
    connection, exempt, meant = CASES[name]
    (there,) = flows([connection], HOME, planned())
    assert (there.src_zone, there.dest_zone) != (None, None)
    between = pair(str(there.src_zone), str(there.dest_zone))
    found = list(ExemptLookup(planned(exempt)).reasons(connection, between))
    assert [reason.text for reason in found] == ["exempt @exempt[0] keeps it on the slow path"] * meant


def test_an_exempt_for_a_zone_of_subnets_is_none_that_one_can_delete() -> None:
    made = replace(match(src_ip="0.0.0.0/0"), called="zone kids, whose subnets it is in,", zone="kids")
    (reason,) = ExemptLookup(planned(made)).reasons(CALL, pair("lan", "wan"))
    assert (reason.code, reason.remedy) == (ReasonCode.IN_SUBNETS, ReasonCode.SUBNETS_FAMILY(zone="", family="").remedy)
    assert reason.text == "zone kids, whose subnets it is in, keeps it on the slow path"


def test_the_exempts_of_the_other_table_keep_nothing() -> None:
    exempted = ExemptLookup(planned(match(), hardware=True))
    assert not list(exempted.reasons(CALL, pair("lan", "wan")))
    assert list(exempted.reasons(CALL, pair("lan", "wan", Mode.HARDWARE)))


def test_a_slow_flow_is_reported_and_a_fast_one_is_not() -> None:
    fast = CALL._replace(status=NATTED | IPS_OFFLOAD)
    slow, other, quick = flows([CALL, SIX, fast], HOME, planned(match(src_ip="192.168.1.50")))
    assert [reason.code for reason in slow.reasons] == [ReasonCode.EXEMPTED]
    assert ReasonCode.EXEMPTED not in {reason.code for reason in (*other.reasons, *quick.reasons)}
