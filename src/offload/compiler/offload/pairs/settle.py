"""The effective mode of pairs that share devices, and the elements of the tables. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from offload.compiler.offload.exempts.coverage import part
from offload.compiler.offload.pairs.bids import Bid, Crossing
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
Claim = tuple[Bid, Crossing]


def settle(config: Config, bids: list[Bid]) -> tuple[list[tuple[Element, Mode]], tuple[PairDecision, ...]]:
    """One verdict per (iif, oif): where pairs share devices, the strictest of their terms holds for all of them.

    A pair that the firewall permits in one family only has no say on packets of the other.
    """
    claims: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for bid in bids:
        for crossing in bid.crossings:
            claims[crossing.iif, crossing.oif].append((bid, crossing))

    elements: list[tuple[Element, Mode]] = []
    modes: dict[str, list[Mode]] = defaultdict(list)
    shared: dict[str, list[Reason]] = defaultdict(list)
    for (iif, oif), here in sorted(claims.items()):
        family, settled = _fast(here)
        mode = min((crossing.mode for _, crossing in settled), default=Mode.NONE)
        fast = {bid.name for bid, _ in settled}
        for bid, crossing in here:
            modes[bid.name].append(Mode.NONE if bid.wish.family & family is Family.NEITHER else mode)
            beside = [each for each in here if each[0].name in fast or _meet(bid, each)]
            shared[bid.name] += _shared(bid, crossing.mode, beside)
        if settled:
            first, asked = settled[0][0].wish, family
            for bid, _ in settled:
                asked = asked & bid.wish.hardware_family
            packets = max(bid.wish.after_packets for bid, _ in settled)
            policy = PolicyKey(packets, family.value, min(settled, key=_mode)[1].stations)
            elements += _paths(Element(iif, oif, policy, (first.src, first.dest)), mode, asked)
    pairs = tuple(_pair(config, bid, modes[bid.name], shared[bid.name]) for bid in bids)
    return elements, pairs


def _paths(element: Element, mode: Mode, asked: Family) -> Iterator[tuple[Element, Mode]]:
    """The element in the table of its mode, and in that of software where that has a part of its flows.

    `asked`: the family of which hardware is asked.
    """
    if mode is not Mode.HARDWARE:
        yield element, mode
        return
    if asked is not Family.NEITHER:
        yield replace(element, policy=replace(element.policy, family=asked.value)), mode
    if element.policy.stations:
        # where a station's port decides, software has what hardware does not take
        yield element, Mode.SOFTWARE
    elif asked.value != element.policy.family:
        rest = {Family.IPV4: Family.IPV6.value, Family.IPV6: Family.IPV4.value}.get(asked, element.policy.family)
        yield replace(element, policy=replace(element.policy, family=rest)), Mode.SOFTWARE


def _fast(here: Sequence[Claim]) -> tuple[Family, list[Claim]]:
    """The family that every pair which has packets of it here wants offloaded, and the claims of these pairs."""
    found, settled = Family.NEITHER, dict[str, Claim]()
    for version in (Family.IPV4, Family.IPV6):
        concerned = [claim for claim in here if claim[0].wish.possible.has(version)]
        wanted = (bid.wish.family.has(version) and crossing.mode is not Mode.NONE for bid, crossing in concerned)
        if concerned and all(wanted):
            found = version if found is Family.NEITHER else Family.ANY
            settled |= {claim[0].name: claim for claim in concerned}
    return found, list(settled.values())


def _meet(bid: Bid, claim: Claim) -> bool:
    """Whether a packet can be of both pairs, as far as its family shows."""
    return bid.wish.possible & claim[0].wish.possible is not Family.NEITHER


def _mode(claim: Claim) -> Mode:
    return claim[1].mode


def _shared(bid: Bid, mode: Mode, beside: Sequence[Claim]) -> Iterator[Reason]:
    """Reasons for the mode that a pair loses to other pairs on its devices."""
    if not beside:
        return
    lowest, crossing = min(beside, key=_mode)
    if mode is not crossing.mode:
        yield ReasonCode.SHARED_DEVICES(pair=lowest.name, mode=crossing.mode.value)
    if crossing.mode is not Mode.NONE:
        for other, _ in beside:
            if any(_withholds(other.wish, bid.wish, version) for version in (Family.IPV4, Family.IPV6)):
                yield ReasonCode.SHARED_FAMILY(pair=other.name, family=other.wish.family.value)


def _withholds(other: PairRequest, wish: PairRequest, version: Family) -> bool:
    """Whether a pair has packets of a family and wants them slow, where another wants that family offloaded."""
    return wish.family.has(version) and other.possible.has(version) and not other.family.has(version)


def _pair(config: Config, bid: Bid, modes: Iterable[Mode], shared: Iterable[Reason]) -> PairDecision:
    wish = bid.wish
    effective = max(modes, default=Mode.NONE)
    kept = wish.mode is Mode.NONE and wish.asked is not Mode.NONE
    # Reasons for a part of the pair come last: a slow flow of the pair is explained by the first
    reasons = [*bid.reasons, *shared]
    if effective is not Mode.NONE:
        reasons += part(config, wish.src, wish.dest, wish.family)
    elif bid.mode is not Mode.NONE:
        # the other pairs on its devices keep it slow; why it would only be software counts for nothing then
        reasons = [*shared, *(each for each in bid.reasons if each.code not in OF_HARDWARE)]
    stations = bid.stations if effective is Mode.HARDWARE else None
    why = tuple(each for each in dict.fromkeys(reasons) if stations or each.code not in OF_STATIONS)
    return PairDecision(
        wish.src, wish.dest, wish.asked, effective, wish.family, wish.after_packets, why, kept, stations
    )
