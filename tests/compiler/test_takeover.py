"""After a take-over, hardware has the same traffic as under fw4, on every golden router."""

from pathlib import Path

import pytest

from offload.compiler.devices import resolve
from offload.compiler.offload.plan import plan
from offload.compiler.offload.stations import OF_STATIONS
from offload.config import edits
from offload.config.load import load
from offload.model.config import Mode
from offload.model.network import Link, Snapshot
from offload.model.plan import Plan
from offload.model.problems.reason import ReasonCode
from offload.model.sections.section import Section, applied
from offload.nouns import replace
from offload.system.config.uci import Uci
from offload.system.directory.router_directory import RouterDirectory

GOLDEN = Path(__file__).parents[1] / "golden"
ROUTERS = sorted(GOLDEN.iterdir())
SWITCH = {"flow_offloading": "1", "flow_offloading_hw": "1"}
NOT_OURS = {"90-no-firewall-config", "92-broken-syntax", "93-unreadable", "94-not-text", "99-empty-directory"}
# What hardware would break: a shaper's queue, rules that treat every packet, a router without a firewall.
ON_PURPOSE = {ReasonCode.SHAPED, ReasonCode.MARKED, ReasonCode.NO_FIREWALL, ReasonCode.STATIONS_MOVE}


def offloading(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """The firewall with fw4's switches on; the defaults are added where there are none."""
    found = sections if any(each.type == "defaults" for each in sections) else (*sections, DEFAULTS)
    return tuple(
        replace(each, options={**each.options, **SWITCH}) if each.type == "defaults" else each for each in found
    )


DEFAULTS = Section("firewall", "defaults", "defaults", "defaults", {})


def able(link: Link) -> Link:
    """The link of a router whose wired ports offload and whose Wi-Fi does not."""
    return replace(link, hw_tc_offload=link.kind in {"", "dsa"} and not link.wireless, hw_bind=True)


def taken_over(router: Path) -> tuple[Plan, Snapshot]:
    """The Plan of a router after `takeover`, without modes in /etc/config/offload, and its Snapshot."""
    directory = RouterDirectory(router)
    seen = directory.snapshot()
    seen = replace(seen, links=tuple(map(able, seen.links)), given_up=(), kernel=replace(seen.kernel, flowtable=True))
    read = {name: Uci(directory.confdir).read(name) for name in ("firewall", "network")}
    firewall, network = (found if isinstance(found, tuple) else () for found in read.values())
    packages = {"firewall": offloading(firewall), "network": network, "offload": ()}
    for package, changes in edits.takeover(packages["firewall"], ()):
        nothing = (Section("offload", "globals", "globals", "globals", {}),)
        packages[package] = applied(packages[package] or nothing, changes)
    config, _ = load(packages)
    assert not config.fw4_offloads
    return plan(config, resolve(config, seen), seen), seen


def ports(found: Plan, seen: Snapshot, zone: str) -> set[str]:
    """The ports of a zone that a driver can take; of a bond no driver takes any (docs/topologies.md)."""
    kinds = {link.name: link.kind for link in seen.links}
    devices = {name for each in found.zones if each.name == zone for name in each.devices if kinds.get(name) != "bond"}
    return {link.name for link in seen.links if link.hw_tc_offload and {link.name, link.master} & devices}


def lost(router: Path) -> list[tuple[str, str, list[str]]]:
    """The pairs with such ports on both sides that are not in hardware, though nothing of the router forbids it."""
    found, seen = taken_over(router)
    return [
        (pair.src, pair.dest, [each.text for each in pair.reasons])
        for pair in found.pairs
        if ports(found, seen, pair.src) and ports(found, seen, pair.dest)
        if pair.effective is not Mode.HARDWARE and not {each.code for each in pair.reasons} & ON_PURPOSE
    ]


@pytest.mark.parametrize("router", [each for each in ROUTERS if each.name not in NOT_OURS], ids=lambda path: path.name)
def test_every_pair_that_fw4_had_in_hardware_stays_in_hardware(router: Path) -> None:
    assert lost(router) == []


@pytest.mark.parametrize("name", ["36-wired-in-hardware-wifi-in-software", "31-hardware-without-wifi"])
def test_wireless_ports_leave_the_list_with_a_reason(name: str) -> None:
    """Wireless ports are in fw4's list, and then a phone's transfer stops when it moves to another access point."""
    found, seen = taken_over(GOLDEN / name)
    wireless = {link.name for link in seen.links if link.wireless}
    assert not any(wireless & set(table.devices) for table in found.tables)
    (pair,) = (each for each in found.pairs if (each.src, each.dest) == ("lan", "wan"))
    (sentence,) = (each.text for each in pair.reasons if each.code in OF_STATIONS)
    assert all(port in sentence for port in wireless)
