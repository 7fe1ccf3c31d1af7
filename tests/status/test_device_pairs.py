"""Connections on devices that get less than the best path of their pair, and the Reasons that only they have."""

from dataclasses import replace

import pytest

from offload.model.config import Mode
from offload.model.flow import IPS_OFFLOAD, IPS_SEEN_REPLY
from offload.model.network import Link
from offload.model.plan import Element, PairDecision, Plan, PolicyKey, Table
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.flows import flows
from offload.status.lookup.device_pairs import DevicePairs
from offload.status.lookup.zone_lookup import Endpoint
from status.routers import HOME, addresses, entry, pair, zone

# lan has two devices; the second is 192.168.3.0/24 and fd00:3::/64
SNAPSHOT = replace(HOME, addresses=(*HOME.addresses, *addresses(lan2="192.168.3.1/24 fd00:3::1/64")))
ZONES = (zone("lan", "br-lan", "lan2"), zone("wan", "wan"))
FIRST, SECOND = "192.168.1.5#5000 > 198.51.100.9#443", "192.168.3.5#5000 > 198.51.100.9#443"
FIRST6, SECOND6 = "fd00:1::5#5000 > 2001:db8:9::9#443", "fd00:3::5#5000 > 2001:db8:9::9#443"
ALL, LATE = PolicyKey(0, "any"), PolicyKey(20, "any")
V4, V6 = PolicyKey(0, "ipv4"), PolicyKey(0, "ipv6")
SHARED = ReasonCode.SHARED_DEVICES(pair="twin > wan", mode="none")
OTHER = ReasonCode.SHARED_FAMILY(pair="twin > wan", family="ipv4")
EXCLUDED = ReasonCode.EXCLUDED_BY_USER()
BELOW = ReasonCode.HOOKED_ABOVE(what="cake", upper="lan2.7", device="lan2")
UNCOVERED = ReasonCode.HARDWARE_UNCOVERED(devices="wan")


def table(*, hardware: bool = False, **policies: PolicyKey) -> Table:
    """The elements of lan > wan, by lan's device."""
    names = {"br_lan": "br-lan", "lan2": "lan2"}
    elements = tuple(Element(names[name], "wan", policy, ("lan", "wan")) for name, policy in policies.items())
    return Table("flow_offload", "hw" if hardware else "sw", hardware, (), elements)


def between(mode: Mode, *reasons: Reason, asked: Mode | None = None) -> PairDecision:
    return pair("lan", "wan", mode, *reasons, asked=asked)


ONE = (table(br_lan=ALL),)
MIXED = (table(hardware=True, br_lan=ALL), table(lan2=ALL))
SOFT, HARD = Mode.SOFTWARE, Mode.HARDWARE
CASES: dict[str, tuple[str, PairDecision, tuple[Table, ...], ReasonCode]] = {
    "on the device that is left out": (SECOND, between(SOFT, EXCLUDED), ONE, ReasonCode.EXCLUDED_BY_USER),
    "on the one below a shaper": (SECOND, between(SOFT, BELOW), ONE, ReasonCode.HOOKED_ABOVE),
    "of a family that the other pair leaves out, below a shaper": (
        SECOND6,
        between(SOFT, BELOW, OTHER),
        (table(br_lan=ALL, lan2=V4),),
        ReasonCode.SHARED_FAMILY,
    ),
    "beside it": (FIRST, between(SOFT, EXCLUDED), ONE, ReasonCode.WAITING),
    "on the device that a slow pair has too": (SECOND, between(SOFT, SHARED), ONE, ReasonCode.SHARED_DEVICES),
    "beside that": (FIRST6, between(SOFT, SHARED), ONE, ReasonCode.WAITING),
    "only the Reason for the slow part is given": (
        SECOND,
        between(SOFT, UNCOVERED, EXCLUDED),
        ONE,
        ReasonCode.EXCLUDED_BY_USER,
    ),
    "of the family that the other pair leaves out": (
        SECOND6,
        between(SOFT, EXCLUDED, OTHER),
        (table(br_lan=ALL, lan2=V4),),
        ReasonCode.SHARED_FAMILY,
    ),
    "of the family of a slow pair that has only this one": (
        SECOND6,
        between(SOFT, EXCLUDED, SHARED),
        (table(br_lan=ALL, lan2=V4),),
        ReasonCode.SHARED_DEVICES,
    ),
    "of its family": (SECOND, between(SOFT, EXCLUDED, OTHER), (table(br_lan=ALL, lan2=V4),), ReasonCode.WAITING),
    "where the other pair waits longer": (
        SECOND,
        between(SOFT),
        (table(br_lan=ALL, lan2=LATE),),
        ReasonCode.AFTER_PACKETS,
    ),
    "where it does not": (FIRST, between(SOFT), (table(br_lan=ALL, lan2=LATE),), ReasonCode.WAITING),
    "slow in hardware's pair, where it is software": (SECOND, between(HARD, SHARED), MIXED, ReasonCode.WAITING),
    "of the family that only software has there": (
        FIRST6,
        between(HARD, SHARED),
        (table(br_lan=V6), table(hardware=True, br_lan=V4)),
        ReasonCode.WAITING,
    ),
    "without known tables": (SECOND, between(SOFT, EXCLUDED), (), ReasonCode.EXCLUDED_BY_USER),
}


def test_of_several_ways_the_one_that_waits_for_the_fewest_packets_counts() -> None:
    plan = Plan(tables=(table(br_lan=PolicyKey(5, "any"), lan2=LATE),), zones=ZONES)
    lan, wan = Endpoint("lan", devices=("br-lan", "lan2")), Endpoint("wan", devices=("wan",))
    assert DevicePairs(plan, SNAPSHOT).after(lan, wan, between(SOFT)) == 5


@pytest.mark.parametrize("name", CASES)
def test_a_slow_connection(name: str) -> None:
    connection, decision, tables, why = CASES[name]
    plan = Plan(tables=tables, zones=ZONES, pairs=(decision,))
    (flow,) = flows([entry(connection)], SNAPSHOT, plan)
    assert [reason.code for reason in flow.reasons] == [why]


@pytest.mark.parametrize(
    ("connection", "why"), [(FIRST, ReasonCode.HARDWARE_AWAITED), (SECOND, ReasonCode.SHARED_DEVICES)]
)
def test_a_connection_in_software_whose_pair_is_in_hardware_elsewhere(connection: str, why: ReasonCode) -> None:
    lowered = ReasonCode.SHARED_DEVICES(pair="twin > wan", mode="software")
    plan = Plan(tables=MIXED, zones=ZONES, pairs=(between(HARD, lowered),))
    (flow,) = flows([entry(connection, status=IPS_SEEN_REPLY | IPS_OFFLOAD)], SNAPSHOT, plan)
    assert [reason.code for reason in flow.reasons] == [why]


def test_a_flow_in_software_from_before_its_pair_became_slow_has_no_reason() -> None:
    slow = replace(between(Mode.NONE, ReasonCode.EXEMPT(exempt="exempt e"), asked=HARD), always_slow=True)
    plan = Plan(zones=ZONES, pairs=(slow,))
    (flow,) = flows([entry(FIRST, status=IPS_SEEN_REPLY | IPS_OFFLOAD)], SNAPSHOT, plan)
    assert flow.reasons == ()


def test_a_connection_within_a_vrf_has_the_element_of_its_name() -> None:
    """It comes in as vrf0. What is only for replies offloads nothing."""
    members = (Link(name, master="vrf0") for name in ("br-lan", "wan", "lte"))
    router = replace(HOME, links=(Link("vrf0", "vrf"), *members))
    elements = (
        Element("br-lan", "vrf0", ALL, ("lan", "wan"), opened=False),
        Element("vrf0", "wan", LATE, ("lan", "wan")),
    )
    asked = between(SOFT, EXCLUDED)
    plan = Plan((Table("flow_offload", "sw", False, (), elements),), pairs=(asked,))
    found, lan = DevicePairs(plan, router), Endpoint("lan", devices=("br-lan",))
    fast, slow = (Endpoint("wan", devices=(name,)) for name in ("wan", "lte"))
    assert [list(found.slower(entry(FIRST), lan, each, asked, SOFT)) for each in (fast, slow)] == [[], [EXCLUDED]]
    assert found.after(lan, fast, asked) == 20
