"""Why a connection is slow: one case per Reason, and their order."""

import pytest

from offload.model.config import Family, Mode
from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, IPS_SEEN_REPLY, IPS_SRC_NAT, Entry
from offload.model.plan import PairDecision
from offload.model.problems.reason import ReasonCode
from offload.status.flows import flows
from offload.status.hardware.pair_hardware import FLOWS, PairHardware
from offload.status.why.reasons import IPS_ADJUSTED
from status.routers import HOME, entry, pair, plan

LAN_WAN = "192.168.1.50#5000 > 198.51.100.9#443"
LAN_WAN6 = "fd00:1::50#5000 > 2001:db8:9::9#443"
FAST = pair("lan", "wan")
LATE = pair("lan", "wan", after=20)
SLOW = pair("lan", "wan", Mode.NONE, ReasonCode.MODE_NONE(zone="wan"), ReasonCode.MODE_NONE(zone="lan"))
ONLY_IPV4 = pair("lan", "wan", family=Family.IPV4)
LESS = pair("lan", "wan", Mode.SOFTWARE, ReasonCode.HARDWARE_UNCOVERED(devices="wan"), asked=Mode.HARDWARE)
HARD = pair("lan", "wan", Mode.HARDWARE)
TCP, ICMP, GRE = 6, 1, 47
NO_REPLY = 0
MASQUERADED = "198.51.100.9#443 > 203.0.113.7#5000"

CASES: dict[str, tuple[Entry, PairDecision, ReasonCode | None, str]] = {
    "ping": (entry("192.168.1.50 > 192.0.2.1", proto=ICMP), FAST, ReasonCode.NOT_OFFLOADABLE, "this is icmp"),
    "odd protocol": (entry(LAN_WAN, proto=253), FAST, ReasonCode.NOT_OFFLOADABLE, "this is protocol 253"),
    "GRE": (entry(LAN_WAN, proto=GRE), FAST, ReasonCode.WAITING, "from lan"),
    "GRE with NAT": (
        entry(LAN_WAN, MASQUERADED, proto=GRE, status=IPS_SRC_NAT),
        FAST,
        ReasonCode.NOT_OFFLOADABLE,
        "this is gre",
    ),
    "to the router": (entry("192.168.1.50 > 192.168.1.1#53"), FAST, ReasonCode.LOCAL, "the router itself"),
    "from the router": (entry("203.0.113.7 > 192.0.2.1#53"), FAST, ReasonCode.LOCAL, "the router itself"),
    "to neighbours only": (entry("fe80::50 > fe80::51"), FAST, ReasonCode.LOCAL, ""),
    "multicast": (entry("192.168.1.50 > 239.1.2.3"), FAST, ReasonCode.NOT_UNICAST, "group of receivers"),
    "no zone": (entry("10.9.9.9 > 192.168.1.50"), FAST, ReasonCode.PAIR_UNKNOWN, "from wan to lan"),
    "no pair": (entry("192.168.2.50 > 192.0.2.1"), FAST, ReasonCode.PAIR_UNKNOWN, "from guest to wan"),
    "slow pair": (entry(LAN_WAN), SLOW, ReasonCode.MODE_NONE, "for zone wan"),
    "slow pair without a reason": (entry(LAN_WAN), pair("lan", "wan", Mode.NONE), ReasonCode.PAIR_MODE_NONE, ""),
    "other family": (entry(LAN_WAN6), ONLY_IPV4, ReasonCode.OTHER_FAMILY, "only ipv4"),
    "its family": (entry(LAN_WAN), ONLY_IPV4, ReasonCode.WAITING, ""),
    "half open": (entry(LAN_WAN, proto=TCP, tcp_state=2), FAST, ReasonCode.TCP_STATE, "(state SYN_RECV)"),
    "closing": (entry(LAN_WAN, proto=TCP, tcp_state=4), FAST, ReasonCode.TCP_STATE, "(state FIN_WAIT)"),
    "unheard-of state": (entry(LAN_WAN, proto=TCP, tcp_state=77), FAST, ReasonCode.TCP_STATE, "(state 77)"),
    "established": (entry(LAN_WAN, proto=TCP, tcp_state=3), FAST, ReasonCode.WAITING, ""),
    "state not shown": (entry(LAN_WAN, proto=TCP), FAST, ReasonCode.WAITING, ""),
    "helper": (entry(LAN_WAN, proto=TCP, tcp_state=3, helper="ftp"), FAST, ReasonCode.HELPER, "helper ftp"),
    "adjusted": (entry(LAN_WAN, status=IPS_SEEN_REPLY | IPS_ADJUSTED), FAST, ReasonCode.ADJUSTED, ""),
    "unanswered": (entry(LAN_WAN, status=NO_REPLY), FAST, ReasonCode.NO_REPLY, "come back"),
    "too young": (entry(LAN_WAN, packets=(19, 400)), LATE, ReasonCode.AFTER_PACKETS, "the 20 packets"),
    "old enough": (entry(LAN_WAN, packets=(20, 0)), LATE, ReasonCode.WAITING, ""),
    "age unknown": (entry(LAN_WAN, packets=None), LATE, ReasonCode.WAITING, ""),
    "slow pair before helper": (entry(LAN_WAN, helper="ftp"), SLOW, ReasonCode.MODE_NONE, ""),
    "state before helper": (
        entry(LAN_WAN, proto=TCP, tcp_state=1, helper="ftp"),
        FAST,
        ReasonCode.TCP_STATE,
        "SYN_SENT",
    ),
    "software": (entry(LAN_WAN, status=IPS_OFFLOAD), FAST, None, ""),
    "hardware": (entry(LAN_WAN, status=IPS_OFFLOAD | IPS_HW_OFFLOAD), LESS, None, ""),
    "software, hardware was asked": (
        entry(LAN_WAN, status=IPS_OFFLOAD),
        LESS,
        ReasonCode.HARDWARE_UNCOVERED,
        "cover wan",
    ),
    "software, hardware was asked and may be had": (
        entry(LAN_WAN, status=IPS_OFFLOAD),
        HARD,
        ReasonCode.HARDWARE_AWAITED,
        "",
    ),
    "software after the pair became slow": (entry(LAN_WAN, status=IPS_OFFLOAD), SLOW, None, ""),
}


@pytest.mark.parametrize(("connection", "decision", "why", "words"), CASES.values(), ids=CASES)
def test_reason(connection: Entry, decision: PairDecision, why: ReasonCode | None, words: str) -> None:
    (flow,) = flows([connection], HOME, plan(decision), everything=True)
    assert [reason.code for reason in flow.reasons] == ([why] if why else [])
    assert words in "".join(reason.text for reason in flow.reasons)


def test_address_without_a_zone() -> None:
    zones = tuple(zone for zone in plan().zones if zone.name != "wan")
    (flow,) = flows([entry(LAN_WAN)], HOME, plan(FAST, zones=zones))
    assert (flow.src_zone, flow.dest_zone) == ("lan", None)
    assert [reason.code for reason in flow.reasons] == [ReasonCode.ZONE_UNKNOWN]


def test_a_flow_in_software_has_the_reason_of_its_kind() -> None:
    like = {(17, entry(LAN_WAN6)[1]._replace(sport=port)) for port in range(FLOWS)}
    case = PairHardware(("lan1", "wan"), stayed={"ipv6": frozenset(like)}, taken=frozenset({"ipv4"}))
    software = [entry(each, status=IPS_OFFLOAD) for each in (LAN_WAN, LAN_WAN6)]
    four, six = flows(software, HOME, plan(HARD), {("lan", "wan"): case})
    assert [reason.code for reason in four.reasons] == [ReasonCode.HARDWARE_AWAITED]
    assert six.reasons == case.reasons and six.reasons[0].code is ReasonCode.HARDWARE_FAMILY
    (lowered,) = flows(software[:1], HOME, plan(LESS), {("lan", "wan"): case})
    assert [reason.code for reason in lowered.reasons] == [ReasonCode.HARDWARE_UNCOVERED]


def test_every_reason_of_a_flow_has_a_case() -> None:
    every = list(ReasonCode)
    of_a_flow = set(every[every.index(ReasonCode.NOT_OFFLOADABLE) : every.index(ReasonCode.HARDWARE_DRIVER)])
    assert of_a_flow - {why for _, _, why, _ in CASES.values()} == {
        ReasonCode.ZONE_UNKNOWN,
        ReasonCode.EXEMPTED,  # test_exempt_lookup.py
        ReasonCode.IN_SUBNETS,  # test_exempt_lookup.py
        ReasonCode.REPLY_NOT_ACCEPTED,  # test_explain.py
        ReasonCode.HARDWARE_ELSEWHERE,  # test_asked.py
        ReasonCode.HARDWARE_STATION_UNKNOWN,
    }
