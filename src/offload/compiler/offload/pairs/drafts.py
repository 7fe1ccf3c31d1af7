"""The mode that each pair of zones could have alone, without the other pairs on the same devices. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from offload.compiler.offload import summary
from offload.compiler.offload.pairs.device_coverage import DeviceCoverage
from offload.compiler.offload.pairs.requests import PairRequest
from offload.model.config import Family, Mode
from offload.model.plan import BOTH, FROM, NO_END, TO, PairStations
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.topology import ZoneDevices
from offload.nouns import dataclass, replace

ENDS = {(False, False): NO_END, (True, False): FROM, (False, True): TO, (True, True): BOTH}


@dataclass(frozen=True, slots=True)
class Crossing:
    """Packets of a pair of zones from device `iif` to device `oif`, with the fastest mode that the pair can have there.

    `stations`: at which end (FROM `iif`, TO `oif`, BOTH, NO_END) the bridge port of the host decides between hardware
    and software.
    """

    iif: str  # name on the forward hook; before crossings of a VRF are merged (`_in_forward`), its own
    oif: str  # name on the forward hook
    mode: Mode  # the fastest
    stations: str = NO_END
    answered: tuple[tuple[str, str], ...] = ()  # other (iif, oif) that, exchanged, its replies have in a VRF


@dataclass(frozen=True, slots=True)
class PairDraft:
    """A request for a pair of zones, with the mode it can have while other pairs on its devices are not considered."""

    request: PairRequest  # what the configuration requests for the pair
    mode: Mode  # that the pair can have alone
    reasons: tuple[Reason, ...]  # why `mode` is lower than requested, or only a part of the traffic can have it
    # all pairs of devices that its packets pass, each once, by their names on the forward hook
    crossings: tuple[Crossing, ...]
    stations: PairStations | None = None  # bridges where a host's port decides its mode; None: none

    @property
    def name(self) -> str:
        """The pair for a sentence: `lan > wan`."""
        return f"{self.request.src} > {self.request.dest}"


def draft_of(request: PairRequest, coverage: DeviceCoverage, all_slow: Reason | None) -> PairDraft:
    """The mode that a requested pair of zones can have on its own: the fastest of its pairs of devices, with Reasons.

    `all_slow`: a Reason (sentence) for every pair to be slow; None: there is none. The mode is none (no flow is
    offloaded) with `all_slow`, if none is requested, if the zones have no address family in common, if a zone has no
    device, or if no flowtable sees all packets between any two devices of the zones. Reasons say why the mode is lower
    than requested, or why a part of the traffic has a lower one.
    """
    src, dest = coverage.zones[request.src], coverage.zones[request.dest]
    every = tuple((iif, oif) for iif in src.l3 for oif in dest.l3)
    empty = [
        summary.no_device_reason(coverage.zones[end])
        for end in dict.fromkeys((src.name, dest.name))
        if not coverage.zones[end].l3
    ]
    refused = (
        request.reasons
        if request.mode is Mode.NONE
        else [all_slow]
        if all_slow
        else [ReasonCode.FAMILIES_DISJOINT()]
        if request.family is Family.NEITHER
        else empty
    )
    if refused:
        nowhere = {way: Crossing(*way, Mode.NONE) for way in every}
        return PairDraft(request, Mode.NONE, tuple(refused), _in_forward(src, dest, nowhere))

    made = {way: _crossing(request, coverage, *way) for way in every}
    slow = [way for way, own in made.items() if own.mode is Mode.NONE]
    ends = [end for way in slow for end in zip((src.name, dest.name), way, strict=True)]
    left_out = tuple(dict.fromkeys(why for end in ends if (why := coverage.why_slow(*end))))
    merged = _in_forward(src, dest, made)
    modes = {(each.iif, each.oif): each.mode for each in merged}
    mode = max(modes.values())
    if mode is Mode.NONE:
        return PairDraft(request, Mode.NONE, left_out, merged)
    crossings = [replace(own, mode=modes[src.came_in(own.iif), own.oif]) for own in made.values()]
    reasons = [*request.reasons, *(_uncovered(request, coverage, crossings) if request.mode is Mode.HARDWARE else ())]
    stations = _stations(request, coverage, crossings)
    if stations:
        reasons.append(stations.reason)
    return PairDraft(request, mode, (*reasons, *left_out), merged, stations)


# On the forward hook a packet that came in by a member of a VRF has the VRF's name as its input device, so the slowest
# mode of the members holds for all of them. A reply is looked up as (oif, iif): there it is the output device of the
# connection that has the VRF's name, and the input device has its own.
def _in_forward(src: ZoneDevices, dest: ZoneDevices, made: Mapping[tuple[str, str], Crossing]) -> tuple[Crossing, ...]:
    members: dict[tuple[str, str], list[Crossing]] = {}
    for each in made.values():
        members.setdefault((src.came_in(each.iif), each.oif), []).append(each)
    return tuple(_merged(way, own, dest) for way, own in members.items())


def _merged(way: tuple[str, str], members: Sequence[Crossing], dest: ZoneDevices) -> Crossing:
    answered = tuple(name for each in members if (name := (each.iif, dest.came_in(each.oif))) != way)
    return Crossing(*way, min(each.mode for each in members), port_decides(members), answered)


def port_decides(crossings: Iterable[Crossing]) -> str:
    """The ends at which the bridge port of a host decides between hardware and software: FROM, TO, BOTH or NO_END.

    `crossings`: those that are one (iif, oif) on the forward hook; the members of a VRF may have their own names yet.
    NO_END if one of them is not in hardware. Otherwise the ends of all of them (`stations`) together.
    """
    found = list(crossings)
    if any(each.mode is not Mode.HARDWARE for each in found):
        return NO_END
    stations = {each.stations for each in found}
    return ENDS[not stations.isdisjoint({FROM, BOTH}), not stations.isdisjoint({TO, BOTH})]


# Mode.NONE: no flowtable sees all packets between the devices. Hardware is possible if it is requested, neither device
# has a shaper, and hardware takes all or some of the devices on which each one's packets arrive.
def _crossing(request: PairRequest, coverage: DeviceCoverage, iif: str, oif: str) -> Crossing:
    if request.mode is Mode.HARDWARE:
        ends = ((request.src, iif), (request.dest, oif))
        partly = [coverage.partly(*end) for end in ends]
        shaped = any(True for end in ends for _ in coverage.shapers(*end))
        if not shaped and all(
            part or not coverage.uncovered(*end, Mode.HARDWARE) for part, end in zip(partly, ends, strict=True)
        ):
            return Crossing(iif, oif, Mode.HARDWARE, ENDS[partly[0], partly[1]])
    bare = coverage.uncovered(request.src, iif, Mode.SOFTWARE) or coverage.uncovered(request.dest, oif, Mode.SOFTWARE)
    return Crossing(iif, oif, Mode.NONE if bare else Mode.SOFTWARE)


# A bridge of which hardware can take some ports is not named here: it has a Reason of its own (`_stations`).
def _uncovered(request: PairRequest, coverage: DeviceCoverage, crossings: Sequence[Crossing]) -> Iterator[Reason]:
    fast = {device for each in crossings if each.mode is Mode.HARDWARE for device in (each.iif, each.oif)}
    ends = dict.fromkeys((zone, l3) for zone in (request.src, request.dest) for l3 in coverage.zones[zone].l3)
    restless = {
        end: bridge for end in ends if (bridge := coverage.zones[end[0]].bridge_of(end[1])) in coverage.restless
    }
    bare = {end: coverage.uncovered(*end, Mode.HARDWARE) for end in ends if end not in restless}
    slower = {leaf for end in bare if end[1] not in fast for leaf in bare[end]} - (coverage.idle if fast else set())
    if slower:
        code = ReasonCode.HARDWARE_PART if fast else ReasonCode.HARDWARE_UNCOVERED
        yield code(devices=", ".join(sorted(slower)))
    yield from (ReasonCode.STATIONS_MOVE(master=bridge) for bridge in dict.fromkeys(restless.values()))
    shaped = {found for end in ends for found in coverage.shapers(*end)}
    yield from (ReasonCode.SHAPED(device=device, shaper=shaper) for device, shaper in sorted(shaped))


def _stations(request: PairRequest, coverage: DeviceCoverage, crossings: Sequence[Crossing]) -> PairStations | None:
    of_ports = (each for each in crossings if each.stations and each.mode is Mode.HARDWARE)
    fast = {device for each in of_ports for device in (each.iif, each.oif)}
    ends = dict.fromkeys((zone, l3) for zone in (request.src, request.dest) for l3 in coverage.zones[zone].l3)
    partly = [end for end in ends if end[1] in fast and coverage.partly(*end)]
    ports = {leaf for end in partly for leaf in coverage.uncovered(*end, Mode.HARDWARE)}
    devices = dict.fromkeys(device for _, device in partly)
    return PairStations(tuple(devices), tuple(sorted(ports))) if partly else None
