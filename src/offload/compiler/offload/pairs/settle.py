"""The effective modes of pairs of zones that share devices, and the elements of the tables' maps. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from offload.compiler.offload.exempts.coverage import reasons_for_part
from offload.compiler.offload.pairs.drafts import Crossing, PairDraft, port_decides
from offload.compiler.offload.pairs.requests import PairRequest
from offload.compiler.offload.stations import OF_STATIONS
from offload.model.config import Config, Family, Mode
from offload.model.plan import Element, PairDecision, PolicyKey
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import replace

OF_HARDWARE = OF_STATIONS | {
    ReasonCode.HARDWARE_UNCOVERED,
    ReasonCode.HARDWARE_PART,
    ReasonCode.SHAPED,
}
Use = tuple[PairDraft, Crossing]
Way = tuple[str, str]  # names of the devices (iif, oif)
Placed = tuple[Element, Mode]  # an element, and the mode of its table


def settle(config: Config, drafts: list[PairDraft]) -> tuple[list[Placed], tuple[PairDecision, ...]]:
    """Decide about each (iif, oif): if several pairs of zones use it, the slowest mode and strictest policy hold there.

    `drafts`: what each pair could have alone. A family is offloaded if all pairs that can have its packets there want
    that and can have it. The slowest mode of these pairs, and their largest after_packets, hold for both families. The
    result: the elements of maps `crossings`, sorted by (iif, oif), each with the mode of its table; and, in the order
    of `drafts`, a decision for each pair: the fastest mode of its (iif, oif), and Reasons (sentences). Both tables have
    an element for an (iif, oif) of which hardware takes a part.
    """
    uses: dict[Way, list[Use]] = defaultdict(list)
    answered: dict[Way, list[Way]] = defaultdict(list)
    for draft in drafts:
        for crossing in draft.crossings:
            uses[crossing.iif, crossing.oif].append((draft, crossing))
            for name in crossing.answered:
                answered[name].append((crossing.iif, crossing.oif))

    found: dict[Way, list[Placed]] = {}
    modes: dict[str, list[Mode]] = defaultdict(list)
    shared: dict[str, list[Reason]] = defaultdict(list)
    for way, here in sorted(uses.items()):
        family, settled = _offloaded(here)
        mode = _slowest(settled)
        fast = {draft.name for draft, _ in settled}
        for draft, crossing in here:
            modes[draft.name].append(Mode.NONE if draft.request.family & family is Family.NEITHER else mode)
            beside = [each for each in here if each[0].name in fast or _meet(draft, each)]
            shared[draft.name] += _shared(draft, crossing.mode, beside)
        found[way] = list(_elements(way, family, settled))
    elements = [placed for several in found.values() for placed in several]
    elements += [placed for name, ways in answered.items() for placed in _answers(name, ways, found)]
    pairs = tuple(_pair(config, draft, modes[draft.name], shared[draft.name]) for draft in drafts)
    return sorted(elements, key=lambda placed: (placed[0].iif, placed[0].oif)), pairs


def _slowest(settled: Iterable[Use]) -> Mode:
    return min((crossing.mode for _, crossing in settled), default=Mode.NONE)


def _elements(way: Way, family: Family, settled: Sequence[Use]) -> Iterator[Placed]:
    if settled:
        first, hardware = settled[0][0].request, family
        for draft, _ in settled:
            hardware = hardware & draft.request.hardware_family
        packets = max(draft.request.after_packets for draft, _ in settled)
        stations = port_decides(crossing for _, crossing in settled)
        policy = PolicyKey(packets, family.value, stations)
        yield from _paths(Element(*way, policy, (first.src, first.dest)), _slowest(settled), hardware)


# Elements for the names by which replies of `ways` are looked up, exchanged: without them connections would stay slow.
# Those of connections too that have these names after all (a route leads to the VRF's own device): they may go on by
# any of `ways`, and so are offloaded only if these do not differ. `found`: the elements of each way.
def _answers(name: Way, ways: Iterable[Way], found: Mapping[Way, Sequence[Placed]]) -> Iterator[Placed]:
    several = [found[way] for way in ways]
    alike = len({tuple((element.policy, mode) for element, mode in placed) for placed in several}) == 1
    for mode in Mode:
        own = [element for placed in several for element, its_mode in placed if its_mode is mode]
        if own:
            families = {element.policy.family for element in own}
            family = families.pop() if len(families) == 1 else Family.ANY.value
            yield Element(*name, replace(own[0].policy, family=family), own[0].pair, alike), mode


# In hardware one more element with software, for flows that hardware cannot take: of another family than `hardware`,
# for which it is requested, or of hosts at bridge ports that hardware does not cover.
def _paths(element: Element, mode: Mode, hardware: Family) -> Iterator[Placed]:
    if mode is not Mode.HARDWARE:
        yield element, mode
        return
    if hardware is not Family.NEITHER:
        yield replace(element, policy=replace(element.policy, family=hardware.value)), mode
    if element.policy.stations:
        # where a station's port decides, software takes what hardware does not
        yield element, Mode.SOFTWARE
    elif hardware.value != element.policy.family:
        rest = {Family.IPV4: Family.IPV6.value, Family.IPV6: Family.IPV4.value}.get(hardware, element.policy.family)
        yield replace(element, policy=replace(element.policy, family=rest)), Mode.SOFTWARE


# A family may be offloaded between two devices if every pair that can have such packets there wants that. `here`: all
# uses of these devices.
def _offloaded(here: Sequence[Use]) -> tuple[Family, list[Use]]:
    found, settled = Family.NEITHER, dict[str, Use]()
    for version in (Family.IPV4, Family.IPV6):
        concerned = [use for use in here if use[0].request.possible.has(version)]
        wanted = (draft.request.family.has(version) and crossing.mode is not Mode.NONE for draft, crossing in concerned)
        if concerned and all(wanted):
            found = version if found is Family.NEITHER else Family.ANY
            settled |= {use[0].name: use for use in concerned}
    return found, list(settled.values())


# whether both pairs can have packets of the same family
def _meet(draft: PairDraft, use: Use) -> bool:
    return draft.request.possible & use[0].request.possible is not Family.NEITHER


def _mode(use: Use) -> Mode:
    return use[1].mode


# `mode`: that the pair could have there without the others; `beside`: all uses of (iif, oif), its own too
def _shared(draft: PairDraft, mode: Mode, beside: Sequence[Use]) -> Iterator[Reason]:
    if not beside:
        return
    lowest, crossing = min(beside, key=_mode)
    if mode is not crossing.mode:
        yield ReasonCode.SHARED_DEVICES(pair=lowest.name, mode=crossing.mode.value)
    if crossing.mode is not Mode.NONE:
        for other, _ in beside:
            if any(_withholds(other.request, draft.request, version) for version in (Family.IPV4, Family.IPV6)):
                yield ReasonCode.SHARED_FAMILY(pair=other.name, family=other.request.family.value)


def _withholds(other: PairRequest, request: PairRequest, version: Family) -> bool:
    return request.family.has(version) and other.possible.has(version) and not other.family.has(version)


def _pair(config: Config, draft: PairDraft, modes: Iterable[Mode], shared: Iterable[Reason]) -> PairDecision:
    request = draft.request
    effective = max(modes, default=Mode.NONE)
    always_slow = request.mode is Mode.NONE and request.chosen is not Mode.NONE
    # Reasons for a part of the pair come last, because the first Reason explains a slow flow
    reasons = [*draft.reasons, *shared]
    if effective is not Mode.NONE:
        reasons += reasons_for_part(config, request.src, request.dest, request.family)
    elif draft.mode is not Mode.NONE:
        # other pairs keep it slow, so why it could only be in software does not matter
        reasons = [*shared, *(each for each in draft.reasons if each.code not in OF_HARDWARE)]
    stations = draft.stations if effective is Mode.HARDWARE else None
    why = tuple(each for each in dict.fromkeys(reasons) if stations or each.code not in OF_STATIONS)
    return PairDecision(
        request.src,
        request.dest,
        request.chosen,
        effective,
        request.family,
        request.after_packets,
        why,
        always_slow,
        stations,
    )
