"""Find the devices of each zone: from the names in the configuration down to the devices on which packets arrive. Pure.

For an offloaded flow the kernel resolves devices in dev_fill_forward_path() (net/core/dev.c) and nft_dev_path_info()
(net/netfilter/nft_flow_offload.c): bridges to the port of the station, VLANs and PPPoE to the device below, DSA no
further than the switch port.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from offload.compiler.kernel_faults import PPPOE
from offload.compiler.offload.pairs.shapers import hooked
from offload.model.config import Config, Mode, Zone
from offload.model.network import DEVICE_NAME, Link, Network, Snapshot
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.text.similar import did_you_mean
from offload.model.topology import ZoneDevices, directly_below
from offload.nouns import dataclass, field

LOOPBACK = "lo"
ENCAPSULATING = {"vlan", "ppp"}
ENCAPSULATIONS = 2  # NF_FLOW_TABLE_ENCAP_MAX, include/net/netfilter/nf_flow_table.h
Evicted = tuple[str, Reason]


@dataclass(frozen=True, slots=True)
class Topology:
    """The devices of each firewall zone, by the zone's name, and Problems (faults of the configuration, as sentences).

    A Problem names a network of a firewall zone that neither netifd nor /etc/config/network has. There is one if a
    `config zone` of /etc/config/offload chooses software or hardware for that zone, and the zone has no known network,
    no device and no subnet.
    """

    zones: Mapping[str, ZoneDevices]
    problems: tuple[Problem, ...] = ()


def resolve(config: Config, snapshot: Snapshot) -> Topology:
    """Find the devices that each zone of the firewall has now: those that routes name (`br-lan`), and those below them.

    Below are, for instance, the ports of a bridge and the parents of VLANs and PPPoE. A VRF is replaced by its members.
    Zones are in the order of the firewall's configuration. Reasons (sentences) say which networks and devices of a zone
    are missing or not known, and why a flowtable should not list a device.
    """
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


# The third list has the missing networks that get a Problem.
def _networks(zone: Zone, config: Config, snapshot: Snapshot) -> tuple[list[Network], list[Reason], list[str]]:
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
    # OpenWrt's default configuration names networks that some routers do not have: only others are reported
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


@dataclass(frozen=True, slots=True)
class _Stack:
    links: Mapping[str, Link]  # by name
    lower: Mapping[str, tuple[str, ...]]  # device -> names of the devices directly below it
    pppoe: frozenset[str]  # names of PPPoE devices
    beneath_pppoe: bool = True  # a flowtable may have the devices that carry a PPPoE session
    hooked: Mapping[str, str] = field(default_factory=dict)  # device -> shaper or hook that a device below bypasses

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_Stack":
        pppoe = [
            n for n in snapshot.networks if n.proto == "pppoe" and n.l3_device and n.device not in {"", n.l3_device}
        ]
        return cls(
            {link.name: link for link in snapshot.links},
            directly_below(snapshot),
            frozenset(network.l3_device for network in pppoe),
            not PPPOE.has(snapshot.kernel.release),
            hooked(snapshot),
        )

    # None: a flowtable can list it
    def refusal(self, name: str) -> Reason | None:
        if name == LOOPBACK:
            return ReasonCode.LOOPBACK(device=name)
        if name not in self.links:
            return ReasonCode.LINK_MISSING(device=name)
        return None if DEVICE_NAME.fullmatch(name) else ReasonCode.ODD_NAME()

    # as in IFLA_INFO_KIND, but `ppp` for every PPPoE device of netifd; empty: physical or unknown
    def kind(self, name: str) -> str:
        return "ppp" if name in self.pppoe else self.links[name].kind if name in self.links else ""

    # no packet is seen at a VRF's own device, so its members are listed
    def members(self, name: str) -> list[str]:
        return sorted(self.lower.get(name, ())) or [name] if self.kind(name) == "vrf" else [name]

    def vrf(self, name: str) -> str:
        master = self.links[name].master if name in self.links else ""
        return master if self.kind(master) == "vrf" else ""

    def wireless(self, name: str) -> bool:
        name = self._under_vlans(name)
        return name in self.links and self.links[name].wireless

    # of a VLAN the bridge below it; empty: neither is a bridge
    def bridge(self, name: str) -> str:
        name = self._under_vlans(name)
        return name if self.kind(name) == "bridge" else ""

    def _under_vlans(self, name: str) -> str:
        seen: set[str] = set()
        while self.kind(name) == "vlan" and name not in seen and self.lower.get(name):
            seen.add(name)
            name = self.lower[name][0]  # a VLAN has one device below
        return name

    # Each device below `upper`, at any depth, and why a software flowtable should not list it (None: it should). It
    # goes no deeper where the kernel does not either (at a bond's members). `path` ends loops.
    def walk(self, upper: str, path: frozenset[str] = frozenset()) -> Iterator[tuple[str, Reason | None]]:
        path |= {upper}
        for name in sorted(self.lower.get(upper, ())):
            if name in path:
                continue
            reason, deeper = self._step(upper, name, path)
            yield name, self.refusal(name) or reason
            if deeper:
                yield from self.walk(name, path)

    # The devices at which packets of `upper` arrive, Wi-Fi ports too: hardware has all its packets if it has all of
    # these.
    def leaves(self, upper: str, path: frozenset[str] = frozenset()) -> Iterator[str]:
        path |= {upper}
        lower = sorted(set(self.lower.get(upper, ())) - path)
        followed = [name for name in lower if self._step(upper, name, path)[1]]
        if not followed:
            yield upper
        for name in followed:
            yield from self.leaves(name, path)

    # (Why a flowtable should not list `name`, whether to look below it.) A device that is too deep must not be listed:
    # the kernel would expect the flow's packets there, and not recognize them.
    def _step(self, upper: str, name: str, path: frozenset[str]) -> tuple[Reason | None, bool]:
        if sum(self.kind(each) in ENCAPSULATING for each in path) > ENCAPSULATIONS:
            return ReasonCode.TOO_DEEP(device=name), False
        if not self.beneath_pppoe and any(self.kind(each) == "ppp" for each in path):
            return ReasonCode.PPPOE_PARENT(device=name), False
        bridge = next((each for each in (upper, *sorted(path)) if self.kind(each) == "bridge"), "")
        reason, followed = self._beneath(upper, name, bridge)
        if reason is None and (hook := next((each for each in sorted(path) if each in self.hooked), "")):
            return ReasonCode.HOOKED_ABOVE(upper=hook, what=self.hooked[hook], device=name), followed
        return reason, followed

    def _beneath(self, upper: str, name: str, bridge: str) -> tuple[Reason | None, bool]:
        kind = self.kind(upper)
        match kind:
            # VLANs of an access point are Wi-Fi ports too, and so is the access point below them
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

    # Hosts move between such ports, and a flow stays bound to the port at which it began.
    def _roaming(self, port: str, bridge: str) -> Reason | None:
        if self.wireless(port):
            return ReasonCode.WIRELESS_PORT(master=bridge)
        restless = bridge in self.links and self.links[bridge].restless
        return ReasonCode.STATIONS_MOVE(master=bridge) if restless else None
