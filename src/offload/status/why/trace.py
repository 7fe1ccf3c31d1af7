"""Make the steps of the explanation of a connection. Pure."""

from offload.model.config import Mode
from offload.model.flow import State
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.verdicts import Verdicts
from offload.status.why import way
from offload.status.why.conditions import BEFORE_PAIR, NAMED, STEPS
from offload.status.why.reasons import by_replies, every_reason
from offload.status.why.step import Holds, Seen, Step

WHY = ReasonCode
TABLES = {State.SOFTWARE: SOFTWARE_TABLE[0], State.HARDWARE: HARDWARE_TABLE[0]}


def steps(seen: Seen, reason: Reason | None) -> tuple[Step, ...]:
    """The steps of the explanation of a connection: the conditions for offload, in the order of STEPS, then six facts.

    A condition is YES, NO, or UNASKED (it needs the pair of zones, and there is none); of an offloaded connection none
    is NO. The facts are `route`, `neighbour`, `mtu`, `sending`, `path` and `hardware`; class Step says what YES, NO
    and UNASKED mean for them. `reason`: the Reason of the conclusion; None: there is none.
    """
    if seen.entry.state is State.SLOW:
        held = list(every_reason(seen.entry, seen.src, seen.dest, seen.pair, seen.lookups))
        held = [by_replies(held[0], accepted=seen.live.reply_accepted), *held[1:]]
    else:
        held = []  # it is offloaded, so the kernel found that every condition holds
    stops = {each.code for each in held} - {WHY.WAITING}
    beyond = seen.pair is None  # without a pair the later conditions were not checked
    before = BEFORE_PAIR | ({"pair"} if seen.src.zone and seen.dest.zone else frozenset[str]())
    made = []
    for name, codes, fact in STEPS:
        own = tuple(each for each in held if (each.code not in NAMED if codes is None else each.code in codes))
        own = () if _zone_known(name, seen) else own
        asked = not beyond or name in before
        holds = Holds.NO if own and stops else Holds.YES if asked else Holds.UNASKED
        devices = _of_devices(seen) if name == "devices" and not own else {}
        reasons = own or tuple(devices) or _reasons_beside(name, seen)
        made.append(Step(name, fact(seen) if asked else "", holds, reasons, devices))
    return (*made, *_way_steps(seen), _sending_step(seen, held), _path_step(seen), _hardware_step(seen, reason))


def _zone_known(name: str, seen: Seen) -> bool:
    # an unknown zone is the other end's
    end = {"source": seen.src, "destination": seen.dest}.get(name)
    return end is not None and end.zone is not None


def _reasons_beside(name: str, seen: Seen) -> tuple[Reason, ...]:
    # what concerns the same zone or pair, though the step may hold
    zones = {zone.name: zone for zone in seen.plan.zones}
    if name in {"source", "destination"}:
        end = seen.src if name == "source" else seen.dest
        return zones[end.zone].reasons if end.zone in zones else ()
    return seen.pair.reasons if name == "pair" and seen.pair else ()


# what concerns devices of the same zones, though the step may hold
def _of_devices(seen: Seen) -> dict[Reason, tuple[str, ...]]:
    own = {seen.src.zone, seen.dest.zone}
    found: dict[Reason, tuple[str, ...]] = {}
    for each in seen.plan.devices:
        for reason in each.reasons if own & set(each.zones) else ():
            found[reason] = (*found.get(reason, ()), each.name)
    return found


def _way_steps(seen: Seen) -> tuple[Step, ...]:
    # what is unknown here does not prevent offload
    ends = way.ends(seen.entry, seen.src, seen.dest)
    routes = way.routes(ends, seen.snapshot)
    neighbours = way.neighbours(ends, seen.snapshot, seen.lookups.requests.paths)
    mtu = way.mtu(ends, seen.live.leaves)
    return _way_step("route", routes), _way_step("neighbour", neighbours), _way_step("mtu", mtu)


def _way_step(name: str, fact: way.Fact) -> Step:
    return Step(name, fact.text, Holds.YES if fact.whole else Holds.UNASKED)


def _sending_step(seen: Seen, held: list[Reason]) -> Step:
    if seen.entry.state is not State.SLOW:
        return Step("sending", "its original side has sent the packet that offloaded it", Holds.YES)
    if seen.pair is None or [each.code for each in held] != [WHY.WAITING]:
        return Step("sending", "", Holds.UNASKED)
    return Step("sending", way.sending(seen.entry, seen.snapshot), Holds.NO, tuple(held))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _path_step(seen: Seen) -> Step:
    entry = seen.entry
    packets = f", {_counted(sum(entry.packets), 'packet')}" if entry.packets else ""
    octets = f", {_counted(sum(entry.bytes), 'byte')}" if entry.bytes else ""
    returned = seen.returned.get(TABLES[entry.state]) if entry.state in TABLES else None
    since = f", since {returned} or later: its table was returned then" if returned else ""
    fast = entry.state is not State.SLOW
    return Step("path", f"{entry.state.value}{packets}{octets}{since}", Holds.YES if fast else Holds.NO)


def _hardware_step(seen: Seen, reason: Reason | None) -> Step:
    if seen.pair is None or not seen.pair.hardware:
        return Step("hardware", "it was not asked for", Holds.UNASKED)
    # as `status` says it: of a pair that left hardware the case alone does not know
    known = Verdicts({(seen.pair.src, seen.pair.dest): seen.case}) if seen.case else None
    verdict = f"; its pair is {known.of_pair(seen.pair).value}" if known else ""
    if seen.pair.effective is not Mode.HARDWARE:
        return Step("hardware", f"it was asked for{verdict}", Holds.NO, seen.pair.reasons)
    own = seen.case.reasons if seen.case else ()
    if seen.entry.state is State.HARDWARE:
        return Step("hardware", f"it has the flow{verdict}", Holds.YES, tuple(own))
    refused = (reason,) if reason and seen.entry.state is State.SOFTWARE else tuple(own)
    return Step("hardware", f"it was asked for, and does not have the flow{verdict}", Holds.NO, refused)
