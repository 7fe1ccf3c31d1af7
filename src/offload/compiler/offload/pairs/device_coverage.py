"""The devices that flowtables can list for each zone, and the l3 devices all of whose packets they see then. Pure."""

from collections.abc import Iterator, Mapping

from offload.compiler.devices import Topology
from offload.compiler.offload.pairs.shapers import shapers
from offload.model.config import Config, Mode
from offload.model.network import DEVICE_NAME, Link, Snapshot
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.topology import ZoneDevices
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class DeviceCoverage:
    """The devices that the software flowtable and the hardware flowtable can list for each zone.

    An l3 device is one that routes name (`br-lan`); its packets arrive on it, or on devices below it.
    """

    zones: Mapping[str, ZoneDevices]  # by name
    able: frozenset[str]  # devices that hardware can take, without those it was given up for; also `excluded` ones
    idle: frozenset[str]  # devices that are down, and bridges without ports: nothing arrives there
    excluded: frozenset[str]  # option `exclude_device` of `config globals`
    added: tuple[str, ...]  # option `device` of `config globals`, those that exist and are not `excluded`
    shaped: Mapping[str, str]  # device -> its shaper, tc filter or nft chain, which hardware would bypass
    # device -> why software does not list it: packets of a device above would bypass the shaper or hook of that one
    beneath: Mapping[str, Reason]
    restless: frozenset[str]  # bridges whose hosts move too often, so no flow may be bound to their ports

    @classmethod
    def of(cls, config: Config, topology: Topology, snapshot: Snapshot) -> "DeviceCoverage":
        """Find which devices flowtables can list now. `topology`: the devices of the zones.

        Devices for which hardware was given up for some hours are not `able`. With `auto_software 0` no device is
        `shaped`, and no l3 device is `beneath`.
        """
        known = {link.name for link in snapshot.links if DEVICE_NAME.fullmatch(link.name) and link.name != "lo"}
        excluded = frozenset(config.globals.exclude_devices)
        added = tuple(name for name in config.globals.devices if name in known - excluded)
        able = frozenset(link.name for link in snapshot.links if link.is_able)
        masters = {link.master for link in snapshot.links}
        idle = {link.name for link in snapshot.links if not link.up or _is_empty(link, masters)}
        given_up = {each.device for each in snapshot.given_up}
        shaped = shapers(snapshot) if config.globals.auto_software else {}
        beneath = _beneath(topology, own=config.globals.auto_software)
        restless = frozenset(link.name for link in snapshot.links if link.restless)
        return cls(
            topology.zones, (able & known) - given_up, frozenset(idle), excluded, added, shaped, beneath, restless
        )

    def why_slow(self, zone: str, device: str) -> Reason | None:
        """Why the software flowtable cannot see all packets of an l3 device (`br-lan`); None: it can.

        The user excluded the device, or it is below a device with a shaper or hook.
        """
        if not self.uncovered(zone, device, Mode.SOFTWARE):
            return None
        return ReasonCode.EXCLUDED_BY_USER() if device in self.excluded else self.beneath[device]

    def added_to(self, mode: Mode) -> set[str]:
        """The devices of option `device` that the flowtable of this mode can list: in hardware only `able` ones.

        If a hardware flowtable listed one that hardware cannot take, nft would refuse the whole table.
        """
        return {name for name in self.added if mode is Mode.SOFTWARE or name in self.able}

    def devices(self, zone: str, mode: Mode) -> set[str]:
        """The devices of the zone, l3 ones (`br-lan`) and those below, that the flowtable of this mode can list.

        Software can list none that are `beneath` (packets would bypass a shaper). Hardware can list those that it takes
        (`able`), also bridge ports that software does not list, but not ports of `restless` bridges (hosts move too
        often). Devices that the user excluded are left out. Devices of option `device` are in `added_to`.
        """
        found = self.zones[zone]
        if mode is Mode.SOFTWARE:
            return set(found.listed) - self.excluded - self.beneath.keys()
        calm = (device for device in found.l3 if found.bridge_of(device) not in self.restless)
        leaves = {leaf for device in calm for leaf in found.leaves_of(device)}
        return ({*found.listed, *leaves} & self.able) - self.excluded

    def uncovered(self, zone: str, device: str, mode: Mode) -> list[str]:
        """The devices on which packets of an l3 device (`br-lan`) arrive and which this mode's flowtable cannot list.

        []: the flowtable can list all of them, or (in software) the l3 device itself, and so sees all its packets. In
        hardware, for a bridge whose hosts move too often (`restless`), the result is all devices on which its packets
        arrive.
        """
        if mode is Mode.HARDWARE and self.zones[zone].bridge_of(device) in self.restless:
            return list(self.zones[zone].leaves_of(device))
        listed = self.devices(zone, mode) | self.added_to(mode)
        if mode is Mode.SOFTWARE and device in listed:
            return []
        return [leaf for leaf in self.zones[zone].leaves_of(device) if leaf not in listed]

    def partly(self, zone: str, device: str) -> bool:
        """Whether the l3 device is a bridge, or a VLAN on one, of whose ports hardware can list only some."""
        found = self.zones[zone]
        bare = self.uncovered(zone, device, Mode.HARDWARE)
        return bool(found.bridge_of(device)) and 0 < len(bare) < len(found.leaves_of(device))

    def shapers(self, zone: str, device: str) -> Iterator[tuple[str, str]]:
        """The devices that packets of this l3 device (`br-lan`) pass and that have a shaper, tc filter or nft chain.

        Each comes as (device, name of the shaper, filter or chain). With `auto_software 0` there are none.
        """
        for each in self.zones[zone].passed(device):
            if each in self.shaped:
                yield each, self.shaped[each]

    def bridged(self) -> dict[str, str]:
        """l3 device -> its bridge, for each one that is a bridge, or a VLAN on one; a bridge is its own."""
        zones = self.zones.values()
        return {device: bridge for zone in zones for device in zone.l3 if (bridge := zone.bridge_of(device))}

    def l3(self, zone: str, mode: Mode) -> list[str]:
        """The zone's l3 devices (`br-lan`, also shaped ones) all of whose packets this mode's flowtable can see.

        They are in the zone's order.
        """
        return [device for device in self.zones[zone].l3 if not self.uncovered(zone, device, mode)]


# An l3 device only if `own`, and only if packets of another one arrive there: at others the kernel finds no such flow.
def _beneath(topology: Topology, *, own: bool) -> dict[str, Reason]:
    zones = topology.zones.values()
    l3 = {device for zone in zones for device in zone.l3}
    arriving = {leaf for zone in zones for device in zone.l3 for leaf in zone.leaves_of(device) if leaf != device}
    left = (each for zone in zones for each in zone.left_out)
    hooked = {device: why for device, why in left if why.code is ReasonCode.HOOKED_ABOVE}
    return {device: why for device, why in hooked.items() if device not in l3 or (own and device in arriving)}


def _is_empty(link: Link, masters: set[str]) -> bool:
    return link.kind == "bridge" and not link.lower and link.name not in masters
