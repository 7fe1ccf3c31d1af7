"""Explain why a connection has its path: its steps, a conclusion, and what to change. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from offload.model.config import Mode
from offload.model.flow import Entry, State
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.problems.remedies import NO_NEED
from offload.status.hardware.pair_hardware import PairHardware
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup
from offload.status.shares import Pair
from offload.status.why.conditions import OF_NOW
from offload.status.why.reasons import Lookups, by_replies, hindered, reasons
from offload.status.why.step import Holds, Live, Seen, Step
from offload.status.why.trace import steps

Json = dict[str, Any]
WHY = ReasonCode
UNKNOWN = Live()


class Explanation(NamedTuple):
    """Why one connection has its path: steps and a conclusion (`sentence`, `reason`, `remedy`)."""

    entry: Entry  # the connection
    src: Endpoint  # end of the original direction
    dest: Endpoint  # the other end, after DNAT
    steps: tuple[Step, ...]  # as `trace.steps` makes them
    sentence: str  # the conclusion
    reason: Reason | None  # why it is not faster; None: there is no Reason
    remedy: str  # what the user can do, as text; may be empty


def explain(
    entry: Entry,
    snapshot: Snapshot,
    plan: Plan,
    cases: Mapping[Pair, PairHardware] | None = None,
    *,
    hypothetical: bool = False,
    returned: Mapping[str, str] | None = None,
    live: Live = UNKNOWN,
) -> Explanation:
    """Explain why a connection has its path; with `hypothetical`, which path it would get if it existed.

    `cases`: by pair of zones, what its flows showed of hardware; None: not known. `returned`: by nft table, when (ISO
    8601) all its flows were last put back on the slow path; None: not known. `live`: what the kernel says about the
    connection now.
    """
    src, dest = ZoneLookup(snapshot, plan).ends(entry)
    found = between(entry, src, dest, plan, snapshot, cases, returned, live)
    return expected(found, plan, snapshot) if hypothetical else found


def expected(found: Explanation, plan: Plan, snapshot: Snapshot) -> Explanation:
    """Turn the explanation of a slow connection, as `between` makes it, into that of one that does not exist.

    The steps in OF_NOW become UNASKED. If the Reason is WAITING, the sentence says in which mode the connection would
    be fast; the Reason is then why that is software although hardware was requested, or None. Any other Reason stays,
    and the sentence says that the connection would stay slow.
    """
    unasked = tuple(_as_unasked(step) if step.name in OF_NOW else step for step in found.steps)
    if found.reason is None or found.reason.code is not WHY.WAITING:
        return found._replace(steps=unasked, sentence=found.sentence.replace("It is slow", "It would stay slow", 1))
    ends = (found.src.zone, found.dest.zone)
    pair = next(each for each in plan.pairs if (each.src, each.dest) == ends)
    why = hindered(found.entry, found.src, found.dest, pair, Lookups.of(plan, snapshot))
    mode = Mode.SOFTWARE if why else pair.effective
    sentence = f"It would be fast in {mode.value}, unless an exempt matches it or the firewall drops its replies."
    sentence += f" Not in hardware: {why.text}." if why else ""
    return found._replace(steps=unasked, sentence=sentence, reason=why, remedy=why.remedy if why else "")


def _as_unasked(step: Step) -> Step:
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
    live: Live = UNKNOWN,
) -> Explanation:
    """Explain why a connection has its path. `src`, `dest`: its endpoints. The other arguments are those of `explain`.

    A connection that does not exist is explained as if it did.
    """
    ends = (src.zone or "", dest.zone or "")
    pair = next((each for each in plan.pairs if (each.src, each.dest) == ends), None)
    lookups = Lookups.of(plan, snapshot)
    seen = Seen(entry, src, dest, pair, (cases or {}).get(ends), plan, lookups, snapshot, returned or {}, live)
    found = reasons(entry, src, dest, pair, seen.case, seen.lookups)
    reason = by_replies(found[0], accepted=live.reply_accepted) if found else None
    remedy = (reason.remedy or NO_NEED.get(reason.code.name, "")) if reason else ""
    return Explanation(entry, src, dest, steps(seen, reason), _sentence(entry.state, reason), reason, remedy)


def _sentence(state: State, reason: Reason | None) -> str:
    where = {State.SLOW: "slow", State.SOFTWARE: "fast in software", State.HARDWARE: "in hardware"}[state]
    if reason is None:
        return f"It is {where}, and nothing more was asked for."
    return f"It is {where}: {reason.text}."


def explanation_json(found: Explanation, flow: Json, *, hypothetical: bool = False) -> Json:
    """An explanation as JSON. `flow`: its connection as JSON (`flow_json`). `hypothetical`: it does not exist.

    `{"flow": ..., "hypothetical": ..., "steps": [{"name": ..., "fact": ..., "holds": ..., "reasons": [{"code": ...,
    "text": ...}]}], "code": ..., "sentence": ..., "remedy": ...}`. `code` is that of the Reason; `code` and `remedy`
    may be empty. In a step, a Reason of devices also has `devices`, a list of their names.
    """
    return {
        "flow": flow,
        "hypothetical": hypothetical,
        "steps": [
            {
                "name": step.name,
                "fact": step.fact,
                "holds": step.holds.value,
                "reasons": _texts(step),
            }
            for step in found.steps
        ],
        "code": found.reason.code.name if found.reason else "",
        "sentence": found.sentence,
        "remedy": found.remedy,
    }


def _texts(step: Step) -> list[Json]:
    return [
        {"code": each.code.name, "text": each.text} | ({"devices": list(names)} if names else {})
        for each in dict.fromkeys(step.reasons)
        for names in [step.devices.get(each, ())]
    ]
