"""Why a connection is on the path it is on: each condition in the packet's order, with its fact and yes or no. Pure."""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from ipaddress import ip_address
from typing import Any, NamedTuple

from offload.model.config import Mode
from offload.model.flow import Entry, State
from offload.model.network import Snapshot
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE, PairDecision, Plan
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.problems.remedies import REMEDIES
from offload.status.hardware.pair_hardware import PairHardware, family_of
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup
from offload.status.shares import Pair
from offload.status.why import way
from offload.status.why.reasons import IPS_ADJUSTED, Lookups, every_reason, protocol, reasons, tcp_state

Json = dict[str, Any]
WHY = ReasonCode
TABLES = {State.SOFTWARE: SOFTWARE_TABLE[0], State.HARDWARE: HARDWARE_TABLE[0]}
NOTHING = "nothing"  # begins a remedy where nothing can or needs to be done


class Holds(Enum):
    """Whether a condition for the fast path holds; UNASKED: one before it does not, so it was not checked."""

    YES = "yes"
    NO = "no"
    UNASKED = "unasked"


class Step(NamedTuple):
    """One condition: its name, the fact, whether it holds, and the Reasons for a no or a less."""

    name: str
    fact: str
    holds: Holds
    reasons: tuple[Reason, ...] = ()


class Explanation(NamedTuple):
    """The steps, and what follows: a sentence, the Reason it rests on (None: as fast as asked), and what to change."""

    entry: Entry  # the connection
    src: Endpoint  # end of the original direction
    dest: Endpoint  # the other end, by its real address
    steps: tuple[Step, ...]  # in the packet's order
    sentence: str  # the conclusion
    reason: Reason | None  # on which the sentence rests; None: as fast as requested
    remedy: str  # empty for nothing to do


class Seen(NamedTuple):
    """What the steps of an explanation may read."""

    entry: Entry  # the connection
    src: Endpoint  # end of the original direction
    dest: Endpoint  # the other end
    pair: PairDecision | None  # of the two zones; None: there is no such pair
    case: PairHardware | None  # findings about the pair in hardware; None: it is not in hardware
    plan: Plan  # the decision
    lookups: Lookups  # finds the plan's elements for a connection
    snapshot: Snapshot  # the router
    returned: Mapping[str, str]  # by table, when all of its flows went back to the slow path last


Fact = Callable[[Seen], str]


def explain(
    entry: Entry,
    snapshot: Snapshot,
    plan: Plan,
    cases: Mapping[Pair, PairHardware] | None = None,
    *,
    hypothetical: bool = False,
    returned: Mapping[str, str] | None = None,
) -> Explanation:
    """Explain a connection between the zones that its addresses are in. `hypothetical`: there is no such one now.

    `returned`: by table, the time (ISO 8601) when all of its flows went back to the slow path last.
    """
    src, dest = ZoneLookup(snapshot, plan).ends(entry)
    found = between(entry, src, dest, plan, snapshot, cases, returned)
    return _expected(found, plan) if hypothetical else found


def _expected(found: Explanation, plan: Plan) -> Explanation:
    """The Explanation of a connection that does not exist: the path that it would get."""
    steps = tuple(_unasked(step) if step.name in OF_NOW else step for step in found.steps)
    if found.reason is None or found.reason.code is not WHY.WAITING:
        return found._replace(steps=steps, sentence=found.sentence.replace("It is slow", "It would stay slow", 1))
    ends = (found.src.zone, found.dest.zone)
    mode = next((each.effective.value for each in plan.pairs if (each.src, each.dest) == ends), "")
    sentence = f"It would be fast in {mode}, unless an exempt matches it or the firewall drops its replies."
    return found._replace(steps=steps, sentence=sentence, reason=None, remedy="")


def _unasked(step: Step) -> Step:
    """A step that only a living connection can pass."""
    reasons = step.reasons if step.name == "hardware" else ()  # these are the pair's
    return Step(step.name, "there is no such connection now", Holds.UNASKED, reasons)


def between(
    entry: Entry,
    src: Endpoint,
    dest: Endpoint,
    plan: Plan,
    snapshot: Snapshot,
    cases: Mapping[Pair, PairHardware] | None = None,
    returned: Mapping[str, str] | None = None,
) -> Explanation:
    """Explain a connection between these ends."""
    ends = (src.zone or "", dest.zone or "")
    pair = next((each for each in plan.pairs if (each.src, each.dest) == ends), None)
    lookups = Lookups.of(plan, snapshot)
    seen = Seen(entry, src, dest, pair, (cases or {}).get(ends), plan, lookups, snapshot, returned or {})
    found = reasons(entry, src, dest, pair, seen.case, seen.lookups)
    reason = found[0] if found else None
    remedy = REMEDIES.get(reason.code.name, "") if reason else ""
    remedy = remedy if remedy.startswith(NOTHING) or reason is None else reason.remedy
    return Explanation(entry, src, dest, _steps(seen, reason), _sentence(entry.state, reason), reason, remedy)


def _steps(seen: Seen, reason: Reason | None) -> tuple[Step, ...]:
    if seen.entry.state is State.SLOW:
        held = list(every_reason(seen.entry, seen.src, seen.dest, seen.pair, seen.lookups))
    else:
        held = []  # it is offloaded, so the kernel found every condition to hold
    stops = {each.code for each in held} - {WHY.WAITING}
    beyond = seen.pair is None  # without a pair nothing of what follows was asked
    before = BEFORE_PAIR | ({"pair"} if seen.src.zone and seen.dest.zone else frozenset[str]())
    steps = []
    for name, codes, fact in STEPS:
        own = tuple(each for each in held if (each.code not in NAMED if codes is None else each.code in codes))
        asked = not beyond or name in before
        holds = Holds.NO if own and stops else Holds.YES if asked else Holds.UNASKED
        steps.append(Step(name, fact(seen) if asked else "", holds, own or _beside(name, seen)))
    return (*steps, *_way(seen), _sending(seen, held), _path(seen), _hardware(seen, reason))


def _beside(name: str, seen: Seen) -> tuple[Reason, ...]:
    """Reasons that explain a fact without being a no."""
    zones = {zone.name: zone for zone in seen.plan.zones}
    if name in {"source", "destination"}:
        end = seen.src if name == "source" else seen.dest
        return zones[end.zone].reasons if end.zone in zones else ()
    if name == "devices":
        own = {seen.src.zone, seen.dest.zone}
        return tuple(reason for each in seen.plan.devices if own & set(each.zones) for reason in each.reasons)
    return seen.pair.reasons if name == "pair" and seen.pair else ()


def _protocol(seen: Seen) -> str:
    return f"it is {protocol(seen.entry.proto)} over {family_of(seen.entry.original)}"


def _forwarded(seen: Seen) -> str:
    if seen.src.router or seen.dest.router:
        return "the router itself is an end of it"
    return "it goes to a group of receivers" if seen.src.group or seen.dest.group else "it is forwarded to one receiver"


def _end(address: bytes, end: Endpoint) -> str:
    devices = f", on {' or '.join(end.devices)}" if end.devices else ""
    where = f"zone {end.zone}{devices}" if end.zone else "the router itself" if end.router else "no single zone"
    return f"{ip_address(address)} is in {where}" if end.zone else f"{ip_address(address)}: {where}"


def _source(seen: Seen) -> str:
    return _end(seen.entry.original.src, seen.src)


def _destination(seen: Seen) -> str:
    return _end(seen.entry.reply.src, seen.dest)


def _pair(seen: Seen) -> str:
    if seen.pair is None:
        return "the firewall's configuration has no such pair of zones"
    pair = seen.pair
    return f"{pair.src} > {pair.dest}: {pair.mode.value} was asked for, it gets {pair.effective.value}"


def _family(seen: Seen) -> str:
    return f"offloaded for the pair: {seen.pair.family.value}" if seen.pair else ""


def _exempt(seen: Seen) -> str:
    if seen.pair and (found := next(seen.lookups.exempted.reasons(seen.entry, seen.pair), None)):
        return found.text
    return "no exempt matches (conntrack does not show those by MAC, DSCP or the packet's mark)"


def _devices(seen: Seen) -> str:
    names = [*seen.src.devices, *seen.dest.devices]
    tables = {each.name: each.flowtables for each in seen.plan.devices}
    known = [f"{name} in {' and '.join(tables[name])}" for name in names if tables.get(name)]
    without = [name for name in names if not tables.get(name)]
    return ", ".join([*known, *(f"{name} in no flowtable" for name in without)]) or "not known"


def _state(seen: Seen) -> str:
    state = seen.entry.tcp_state
    return f"TCP state {tcp_state(state)}" if state is not None else "established, or not TCP"


def _helper(seen: Seen) -> str:
    return f"helper {seen.entry.helper}" if seen.entry.helper else "no helper watches it"


def _adjusted(seen: Seen) -> str:
    return f"the kernel corrects {'' if seen.entry.status & IPS_ADJUSTED else 'no '}numbers in its packets"


def _reply(seen: Seen) -> str:
    return f"{_count(seen, 1)} came back" if seen.entry.packets else "packets are not counted"


def _packets(seen: Seen) -> str:
    needed = seen.lookups.crossings.after(seen.src, seen.dest, seen.pair) if seen.pair else 0
    sent = f"{_count(seen, 0)} sent" if seen.entry.packets else "packets are not counted"
    return f"{sent}, offloaded after {needed}"


def _count(seen: Seen, direction: int) -> str:
    count = seen.entry.packets[direction] if seen.entry.packets else 0
    return f"{count} packet{'s' * (count != 1)}"


# Each condition in the packet's order: its name, the Reasons that say no to it (None: all others), and its fact.
STEPS: tuple[tuple[str, frozenset[ReasonCode] | None, Fact], ...] = (
    ("protocol", frozenset({WHY.NOT_OFFLOADABLE}), _protocol),
    ("source", frozenset(), _source),
    ("destination", frozenset({WHY.ZONE_UNKNOWN}), _destination),
    ("forwarded", frozenset({WHY.LOCAL, WHY.NOT_UNICAST}), _forwarded),
    ("pair", None, _pair),
    ("family", frozenset({WHY.OTHER_FAMILY}), _family),
    ("exempt", frozenset({WHY.EXEMPTED}), _exempt),
    ("devices", frozenset({WHY.EXCLUDED_BY_USER, WHY.SHARED_DEVICES, WHY.SHARED_FAMILY}), _devices),
    ("established", frozenset({WHY.TCP_STATE}), _state),
    ("helper", frozenset({WHY.HELPER}), _helper),
    ("unchanged", frozenset({WHY.ADJUSTED}), _adjusted),
    ("reply", frozenset({WHY.NO_REPLY}), _reply),
    ("packets", frozenset({WHY.AFTER_PACKETS}), _packets),
)
BEFORE_PAIR = frozenset({"protocol", "source", "destination", "forwarded"})
OF_NOW = frozenset({"path", "hardware", "reply", "packets", "sending"})  # what only a living connection has
NAMED = frozenset({WHY.WAITING}).union(*(codes for _, codes, _ in STEPS if codes))


def _way(seen: Seen) -> tuple[Step, Step]:
    """The steps `route` and `neighbour`. An unknown route or neighbour is no reason against offload."""
    ends = way.ends(seen.entry, seen.src, seen.dest)
    routes = way.routes(ends, seen.snapshot)
    neighbours = way.neighbours(ends, seen.snapshot, seen.lookups.asked.paths)
    return _known("route", routes), _known("neighbour", neighbours)


def _known(name: str, fact: way.Fact) -> Step:
    return Step(name, fact.text, Holds.YES if fact.whole else Holds.UNASKED)


def _sending(seen: Seen, held: list[Reason]) -> Step:
    """Whether its original side sent a packet since all else held."""
    if seen.entry.state is not State.SLOW:
        return Step("sending", "its original side has sent the packet that offloaded it", Holds.YES)
    if seen.pair is None or [each.code for each in held] != [WHY.WAITING]:
        return Step("sending", "", Holds.UNASKED)
    return Step("sending", way.sending(seen.entry, seen.snapshot), Holds.NO, tuple(held))


def _path(seen: Seen) -> Step:
    entry = seen.entry
    packets = f", {sum(entry.packets)} packets" if entry.packets else ""
    octets = f", {sum(entry.bytes)} bytes" if entry.bytes else ""
    returned = seen.returned.get(TABLES[entry.state]) if entry.state in TABLES else None
    since = f", since {returned} or later: its table was returned then" if returned else ""
    fast = entry.state is not State.SLOW
    return Step("path", f"{entry.state.value}{packets}{octets}{since}", Holds.YES if fast else Holds.NO)


def _hardware(seen: Seen, reason: Reason | None) -> Step:
    """The fact of step `hardware`: whether it was requested, and with which result."""
    if seen.pair is None or not seen.pair.hardware:
        return Step("hardware", "it was not asked for", Holds.UNASKED)
    proof = f"; its pair is {seen.case.verdict.value}" if seen.case else ""
    if seen.pair.effective is not Mode.HARDWARE:
        return Step("hardware", f"it was asked for{proof}", Holds.NO, seen.pair.reasons)
    own = seen.case.reasons if seen.case else ()
    if seen.entry.state is State.HARDWARE:
        return Step("hardware", f"it has the flow{proof}", Holds.YES, tuple(own))
    refused = (reason,) if reason and seen.entry.state is State.SOFTWARE else tuple(own)
    return Step("hardware", f"it was asked for and has not the flow{proof}", Holds.NO, refused)


def _sentence(state: State, reason: Reason | None) -> str:
    where = {State.SLOW: "slow", State.SOFTWARE: "fast in software", State.HARDWARE: "in hardware"}[state]
    if reason is None:
        return f"It is {where}, and nothing more was asked for."
    return f"It is {where}: {reason.text}."


def explanation_json(found: Explanation, flow: Json, *, hypothetical: bool = False) -> Json:
    """An explanation as programs read it. `hypothetical`: there is no such connection now."""
    return {
        "flow": flow,
        "hypothetical": hypothetical,
        "steps": [
            {
                "name": step.name,
                "fact": step.fact,
                "holds": step.holds.value,
                "reasons": _texts(step.reasons),
            }
            for step in found.steps
        ],
        "code": found.reason.code.name if found.reason else "",
        "sentence": found.sentence,
        "remedy": found.remedy,
    }


def _texts(some: Iterable[Reason]) -> list[Json]:
    return [{"code": code, "text": text} for code, text in dict.fromkeys((each.code.name, each.text) for each in some)]
