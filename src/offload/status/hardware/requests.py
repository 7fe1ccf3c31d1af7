"""Find why hardware is not requested for single flows of a pair of zones that is in hardware. Pure."""

from functools import cached_property

from offload.model.flow import Tuple
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.pair_hardware import family_of
from offload.status.lookup.device_paths import DevicePaths, KnownStations, known_stations
from offload.status.lookup.zone_lookup import Endpoint


class HardwareRequests:
    """Finds why hardware is not requested for a flow whose pair of zones is in hardware.

    `known`: the bridge ports and MACs of hosts (`device_paths.KnownStations`); None: those of the Snapshot.
    """

    def __init__(self, plan: Plan, snapshot: Snapshot, known: KnownStations | None = None) -> None:
        self._snapshot, self._known = snapshot, known
        self._given_up = {
            (*each.pair, each.family): each.flows for each in snapshot.given_up if each.pair and each.family
        }
        self._hardware = {device for table in plan.tables if table.hardware for device in table.devices}

    @cached_property
    def paths(self) -> DevicePaths:
        """The DevicePaths, which find the devices that packets of an address pass."""
        return DevicePaths(self._snapshot, known_stations(self._snapshot) if self._known is None else self._known)

    def why_not(self, src: Endpoint, dest: Endpoint, original: Tuple, target: bytes) -> Reason | None:
        """Why hardware is not requested for a flow; None: it is requested, or nothing known tells why not.

        The Reasons: the service gave up hardware for its pair and family, or packets of an end pass, or may pass, no
        device that a hardware flowtable lists. `src`, `dest`: its endpoints. `original`: its original direction.
        `target`: its packed destination after DNAT.
        """
        flows = self._given_up.get((src.zone or "", dest.zone or "", family_of(original)))
        if flows is not None:
            return ReasonCode.HARDWARE_FAMILY_GIVEN_UP(count=flows, family=family_of(original))
        paths = (self.paths.of(src, original.src), self.paths.of(dest, target))
        return next((why for path in paths if path and (why := self._out_of_hardware(path))), None)

    def _out_of_hardware(self, path: tuple[str, ...]) -> Reason | None:
        # If the path ends at a bridge, the port of the end is not known: it may be any.
        if not self._hardware or self._hardware.intersection(path):
            return None
        ports = self._ports[path[-1]] if path[-1] in self._ports else frozenset[str]()
        if not ports:
            return ReasonCode.HARDWARE_ELSEWHERE(device=path[-1])
        return None if ports <= self._hardware else ReasonCode.HARDWARE_STATION_UNKNOWN(device=path[-1])

    @cached_property
    def _ports(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {link.name: set() for link in self._snapshot.links if link.kind == "bridge"}
        for link in self._snapshot.links:
            if link.master in found:
                found[link.master].add(link.name)
        return {name: frozenset(ports) for name, ports in found.items()}
