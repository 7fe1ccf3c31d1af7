"""Which flows of a pair in hardware the kernel offers to hardware, by the ports of their stations."""

from dataclasses import replace

import pytest

from offload.model.config import Mode
from offload.model.flow import IPS_OFFLOAD, IPS_SEEN_REPLY
from offload.model.network import GivenUp, Link, Neighbour, Snapshot, Station
from offload.model.plan import Plan, Table
from offload.model.problems.reason import ReasonCode
from offload.status.flows import flows
from status.routers import addresses, entry, pair, route, zone

MACS = {"192.168.1.5": "02:00:00:00:00:05", "192.168.1.6": "02:00:00:00:00:06", "192.168.1.7": "02:00:00:00:00:07"}
ROUTER = Snapshot(
    links=(
        Link("br-lan", "bridge"),
        Link("lan1", "dsa", master="br-lan"),
        Link("phy0-ap0", master="br-lan", wireless=True),
        Link("wg0", "wireguard"),
        Link("wan", "dsa"),
    ),
    addresses=addresses(br_lan="192.168.1.1/24", wan="203.0.113.7/24", wg0="10.8.0.1/24"),
    routes=(route("0.0.0.0/0", "wan"),),
    stations=(Station(MACS["192.168.1.5"], "lan1"), Station(MACS["192.168.1.6"], "phy0-ap0")),
    neighbours=tuple(Neighbour(address, "br-lan", mac) for address, mac in MACS.items()),
)
PLAN = Plan(
    tables=(Table("flow_offload_hw", "hw", hardware=True, devices=("lan1", "wan"), elements=()),),
    zones=(zone("lan", "br-lan"), zone("wan", "wan", "wg0")),
    pairs=(pair("lan", "wan", Mode.HARDWARE), pair("wan", "lan", Mode.HARDWARE)),
)


def codes(connection: str, router: Snapshot = ROUTER) -> list[str]:
    (flow,) = flows([entry(connection, status=IPS_SEEN_REPLY | IPS_OFFLOAD)], router, PLAN)
    return [f"{reason.code.name} {reason.text}" for reason in flow.reasons]


@pytest.mark.parametrize(
    ("connection", "code", "words"),
    [
        ("192.168.1.5 > 198.51.100.1", ReasonCode.HARDWARE_AWAITED, ""),
        ("192.168.1.6 > 198.51.100.1", ReasonCode.HARDWARE_ELSEWHERE, "phy0-ap0"),
        ("198.51.100.1 > 192.168.1.6", ReasonCode.HARDWARE_ELSEWHERE, "phy0-ap0"),
        ("192.168.1.7 > 198.51.100.1", ReasonCode.HARDWARE_STATION_UNKNOWN, "br-lan"),
        ("192.168.1.8 > 198.51.100.1", ReasonCode.HARDWARE_STATION_UNKNOWN, "br-lan"),
        ("192.168.1.5 > 10.8.0.2", ReasonCode.HARDWARE_ELSEWHERE, "wg0"),
    ],
    ids=["wired", "wireless", "to a wireless one", "seen nowhere", "behind a router", "over a tunnel"],
)
def test_a_flow_in_software(connection: str, code: ReasonCode, words: str) -> None:
    (text,) = codes(connection)
    assert text.startswith(code.name) and words in text


def test_where_hardware_has_all_ports_the_station_does_not_matter() -> None:
    links = tuple(link for link in ROUTER.links if link.name != "phy0-ap0")
    (text,) = codes("192.168.1.8 > 198.51.100.1", replace(ROUTER, links=links, stations=()))
    assert text.startswith("HARDWARE_AWAITED")


def test_a_family_for_which_hardware_was_given_up_is_not_asked_for() -> None:
    given_up = replace(ROUTER, given_up=(GivenUp(31, ("lan", "wan"), family="ipv4"),))
    (text,) = codes("192.168.1.5 > 198.51.100.1", given_up)
    assert text.startswith("HARDWARE_FAMILY_GIVEN_UP hardware took none of 31 ipv4 flows")
    (other,) = codes("198.51.100.1 > 192.168.1.5", given_up)
    assert other.startswith("HARDWARE_AWAITED")
