"""Zones -> devices: from the names in the configuration down to the devices on which packets arrive. Pure.

For an offloaded flow the kernel resolves devices in dev_fill_forward_path() (net/core/dev.c) and nft_dev_path_info()
(net/netfilter/nft_flow_offload.c): bridges to the port the station was seen on, VLANs and PPPoE to their parent, DSA no
further than the switch port. A device that it does not resolve is hooked itself.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from offload.model.config import Config, Mode, Zone
from offload.model.network import DEVICE_NAME, Link, Network, Snapshot
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.text.similar import did_you_mean
from offload.model.topology import ZoneDevices
from offload.nouns import dataclass

LOOPBACK = "lo"
ENCAPSULATING = {"vlan", "ppp"}
ENCAPSULATIONS = 2  # NF_FLOW_TABLE_ENCAP_MAX, include/net/netfilter/nf_flow_table.h
RELEASE = re.compile(r"(\d{1,3}\.\d{1,3})(?:\.(\d{1,5}))?", re.ASCII)
MENDED_5_15 = 157  # the release of 5.15 that has the mend
Evicted = tuple[str, Reason]


@dataclass(frozen=True, slots=True)
class Topology:
    """The devices of every zone, and the Problems with the names of networks."""

    zones: Mapping[str, ZoneDevices]
    problems: tuple[Problem, ...] = ()


def resolve(config: Config, snapshot: Snapshot) -> Topology:
    """Find each zone's devices in the Snapshot."""
    stack = _Stack.of(snapshot)
    known = {network.name for network in snapshot.networks} | {interface.name for interface in config.interfaces}
    zones: dict[str, ZoneDevices] = {}
    problems: list[Problem] = []
    for zone in config.zones:
        networks, absent, unknown = _networks(zone, config, snapshot)
        problems += [
            ProblemCode.UNKNOWN_NETWORK.at(
                "firewall", zone.section, "network", value=name, zone=zone.name, hint=did_you_mean(name, known)
            )
            for name in unknown
        ]
        zones[zone.name] = _zone(zone, networks, absent, stack)
    return Topology(zones, tuple(problems))


def _networks(zone: Zone, config: Config, snapshot: Snapshot) -> tuple[list[Network], list[Reason], list[str]]:
    """The zone's networks by netifd: those that are up, Reasons for those that are not, and unknown names."""
    configured = {interface.name for interface in config.interfaces}
    by_name = {network.name: network for network in snapshot.networks}
    wanted = [name for name in zone.networks if name in by_name]
    wanted += sorted(network.name for network in snapshot.networks if network.zone == zone.name)
    missing = [name for name in zone.networks if name not in by_name]

    found = [by_name[name] for name in dict.fromkeys(wanted)]
    down = [network.name for network in found if not network.l3_device]
    absent = [
        ReasonCode.NETWORK_DOWN(network=name) for name in (*down, *(name for name in missing if name in configured))
    ]
    unknown = [name for name in missing if name not in configured]
    absent += [ReasonCode.NETWORK_UNKNOWN(network=name) for name in unknown]
    # OpenWrt's default lists networks that not every router has: only one that was chosen for the zone is missed
    missed = any(choice.name == zone.name and choice.mode not in {None, Mode.NONE} for choice in config.zone_choices)
    elsewhere = wanted or len(unknown) < len(missing) or zone.devices or zone.subnets
    return [each for each in found if each.l3_device], absent, unknown if missed and not elsewhere else []


def _zone(zone: Zone, networks: list[Network], absent: list[Reason], stack: "_Stack") -> ZoneDevices:
    named = [network.l3_device for network in networks]
    reasons = list(absent)
    for pattern in zone.devices:
        matching = sorted(name for name in stack.links if fnmatchcase(name, pattern))
        named += matching if pattern.endswith("*") else [pattern]
        if pattern.endswith("*") and not matching:
            reasons.append(ReasonCode.LINK_MISSING(device=pattern))

    l3: list[str] = []
    left: list[Evicted] = []
    for name in dict.fromkeys(member for each in named for member in stack.members(each)):
        reason = stack.refusal(name)
        left += [(name, reason)] if reason else []
        l3 += [] if reason else [name]

    beneath: dict[str, tuple[str, ...]] = {}
    for device in l3:
        walked = list(stack.walk(device))
        beneath[device] = tuple(name for name, reason in walked if reason is None)
        left += [(name, reason) for name, reason in walked if reason is not None]
    leaves = {device: tuple(dict.fromkeys(stack.leaves(device))) for device in l3}
    if zone.inverted:
        reasons.append(ReasonCode.ZONE_INVERTED(zone=zone.name))
    return ZoneDevices(
        zone.name,
        tuple(l3),
        beneath,
        leaves,
        tuple(dict.fromkeys(left)),
        tuple(reasons),
        zone.subnets,
        zone.inverted,
        {device: bridge for device in l3 if (bridge := stack.bridge(device))},
        {device: vrf for device in l3 if (vrf := stack.vrf(device))},
    )


def _slow_beneath_pppoe(release: str) -> bool:
    """Whether this kernel makes downloads of a PPPoE session slow where a flowtable has the device that carries it."""
    number = RELEASE.match(release)
    return number is not None and number[1] == "5.15" and int(number[2] or 0) < MENDED_5_15


@dataclass(frozen=True, slots=True)
class _Stack:
    """The links by name, each with its lower devices."""

    links: Mapping[str, Link]
    lower: Mapping[str, tuple[str, ...]]
    pppoe: frozenset[str]
    beneath_pppoe: bool = True  # a flowtable may have what carries a PPPoE session

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_Stack":
        """Lower devices: what links say, what ports say of their master, and what only netifd says of PPPoE."""
        lower: dict[str, list[str]] = {link.name: list(link.lower) for link in snapshot.links}
        for link in snapshot.links:
            if link.master:
                lower.setdefault(link.master, []).append(link.name)
        pppoe = [
            n for n in snapshot.networks if n.proto == "pppoe" and n.l3_device and n.device not in {"", n.l3_device}
        ]
        for network in pppoe:
            lower.setdefault(network.l3_device, []).append(network.device)
        return cls(
            {link.name: link for link in snapshot.links},
            {name: tuple(dict.fromkeys(names)) for name, names in lower.items()},
            frozenset(network.l3_device for network in pppoe),
            not _slow_beneath_pppoe(snapshot.kernel.release),
        )

    def refusal(self, name: str) -> Reason | None:
        """Why this device can be in no flowtable whatever carries it."""
        if name == LOOPBACK:
            return ReasonCode.LOOPBACK(device=name)
        if name not in self.links:
            return ReasonCode.LINK_MISSING(device=name)
        return None if DEVICE_NAME.fullmatch(name) else ReasonCode.ODD_NAME()

    def kind(self, name: str) -> str:
        """The link's kind; a PPPoE device is one whoever made it."""
        return "ppp" if name in self.pppoe else self.links[name].kind if name in self.links else ""

    def members(self, name: str) -> list[str]:
        """A device; of a VRF its members, for a flowtable sees no packet at the VRF's own device."""
        return sorted(self.lower.get(name, ())) or [name] if self.kind(name) == "vrf" else [name]

    def vrf(self, name: str) -> str:
        """The VRF that the device is in; empty for none."""
        master = self.links[name].master if name in self.links else ""
        return master if self.kind(master) == "vrf" else ""

    def wireless(self, name: str) -> bool:
        """Whether it is Wi-Fi, or a VLAN on Wi-Fi."""
        seen: set[str] = set()
        while self.kind(name) == "vlan" and name not in seen and self.lower.get(name):
            seen.add(name)
            name = self.lower[name][0]  # a VLAN stands on one device
        return name in self.links and self.links[name].wireless

    def bridge(self, name: str) -> str:
        """The bridge that a device is, or on which it stands as a VLAN does; empty where there is none."""
        seen: set[str] = set()
        while self.kind(name) == "vlan" and name not in seen and self.lower.get(name):
            seen.add(name)
            name = self.lower[name][0]
        return name if self.kind(name) == "bridge" else ""

    def walk(self, upper: str, path: frozenset[str] = frozenset()) -> Iterator[tuple[str, Reason | None]]:
        """Every device beneath `upper` with the Reason to leave it out of a software flowtable, or None to list it."""
        path |= {upper}
        for name in sorted(self.lower.get(upper, ())):
            if name in path:
                continue
            reason, deeper = self._step(upper, name, path)
            yield name, self.refusal(name) or reason
            if deeper:
                yield from self.walk(name, path)

    def leaves(self, upper: str, path: frozenset[str] = frozenset()) -> Iterator[str]:
        """The devices on which packets of `upper` arrive, Wi-Fi ports among them: what hardware has to cover."""
        path |= {upper}
        lower = sorted(set(self.lower.get(upper, ())) - path)
        followed = [name for name in lower if self._step(upper, name, path)[1]]
        if not followed:
            yield upper
        for name in followed:
            yield from self.leaves(name, path)

    def _step(self, upper: str, name: str, path: frozenset[str]) -> tuple[Reason | None, bool]:
        """(why `name` is not worth listing under `upper`, whether packets of `upper` arrive by way of `name`).

        A device that is too deep must not be listed: the kernel then expects the flow's packets there, and does not
        know them when they come.
        """
        if sum(self.kind(each) in ENCAPSULATING for each in path) > ENCAPSULATIONS:
            return ReasonCode.TOO_DEEP(device=name), False
        if not self.beneath_pppoe and any(self.kind(each) == "ppp" for each in path):
            return ReasonCode.PPPOE_PARENT(device=name), False
        bridge = next((each for each in (upper, *sorted(path)) if self.kind(each) == "bridge"), "")
        return self._beneath(upper, name, bridge)

    def _beneath(self, upper: str, name: str, bridge: str) -> tuple[Reason | None, bool]:
        kind = self.kind(upper)
        match kind:
            # a VLAN of an access point is a Wi-Fi port as well, and so is the access point beneath it
            case "bridge" | "vlan" if bridge and (reason := self._roaming(name, bridge)):
                return reason, True
            case "vlan" if self.kind(name) == "bridge":
                return ReasonCode.BRIDGE_UNDER_VLAN(device=name), True
            case "bridge" | "vlan" | "ppp":
                return None, True
            case "bond" | "team":
                return ReasonCode.BOND_MEMBER(master=upper), False
            case "dsa":
                return ReasonCode.DSA_CONDUIT(), False
            case _:
                return ReasonCode.NOT_FOLLOWED(upper=upper, kind=kind or "hardware"), False

    def _roaming(self, port: str, bridge: str) -> Reason | None:
        """Why flows must not be pinned to a port of the bridge: its stations may be elsewhere at any time."""
        if self.wireless(port):
            return ReasonCode.WIRELESS_PORT(master=bridge)
        restless = bridge in self.links and self.links[bridge].restless
        return ReasonCode.STATIONS_MOVE(master=bridge) if restless else None
