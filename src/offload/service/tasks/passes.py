"""The pass: read router and files, decide, and bring our nft tables and the firewall to the decision.

If that fails, the outcome has the error.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING

from offload.compiler.offload.effective import effective_plan
from offload.compiler.offload.tables.table import expected
from offload.errors import BusError, NftError, OffloadError
from offload.model.applied import Applied
from offload.model.kernel.to_return import ToReturn
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE, Plan
from offload.model.problems.reason import ReasonCode
from offload.nouns import replace
from offload.service import reconcile
from offload.service.hardware.hardware_probe import HardwareProbe
from offload.service.reconcile import Decided
from offload.system.ubus.procd import firewall_data

if TYPE_CHECKING:
    from offload.service.engine import Engine
    from offload.service.firewall.firewall import Pending

# If a device vanished since it was read, nft refuses the transaction: then read again, so many times at most.
TRIES = 3


def run(engine: "Engine", forced: Iterable[str] = ()) -> Applied:
    """Make a pass: read, decide, change our nft tables and the firewall, and store the decision; gives the outcome.

    `forced`: names of tables to create again even if nothing differs. Those with flows to stations that moved are
    added, and those that are due for changed routes. If nft refuses, the pass reads and decides again, TRIES (3) times
    in all, until it decides the same; if nft still refuses, the Plan that is stored has the tables in effect, and
    `engine.owed` those that the next pass has to create: the forced ones, and after one was created all that were to
    be. It decides again also if other rules came with a load of the firewall. All that was asked creates a table once,
    unless stations move, or rules of our firewall are loaded, meanwhile. If the router cannot be read, the last
    decision stays. No OffloadError is raised: `error` of the outcome has its sentence, or `engine.firewall.error` if it
    is about our firewall. The engine queues ubus events for what changed.
    """
    engine.passes += 1
    engine.owed = engine.owed.union(forced)
    before, last, outcome = engine.decided, None, engine.applied.then(0, "")
    moved = _moved(engine, before.plan if before else Plan())
    began, others = (engine.doors.clock(), time()), None  # a rule's time that begins meanwhile needs its own return
    sent_at = began[0]
    for _ in range(TRIES):
        try:
            decided = engine.read()
        except OffloadError as refusal:
            engine.stations.moves.failed()
            return engine.record(replace(outcome, error=str(refusal)), before)
        if last is not None and decided.plan == last.plan:
            break  # no device vanished meanwhile, so nft refuses the plan itself
        last, others = decided, engine.doors.nft.of_others if others is None else others
        wanted = {*moved, *_for_routes(engine, decided.plan)}.difference(outcome.made) | engine.owed
        sent_at = sent_at if outcome.made else engine.doors.clock()  # of a table that is not created once more
        wanted |= set(_moved_meanwhile(engine, decided.plan))
        applied = _apply(engine, decided, wanted)
        outcome = outcome.with_attempt(applied)
        engine.touched = bool(applied.error)
        engine.note_evicted(applied)
        _note_attempt(engine, applied, decided.plan, wanted)
        if not applied.error:
            if not applied.loaded or (decided.snapshot.firewall != "none" and not _other_rules(engine)):
                break  # else the firewall's table has only now appeared, or the files that it includes: decide again
            continue
        engine.hardware_probe = HardwareProbe()  # a device may have other features by now
    if outcome.error:
        engine.stations.moves.failed()
    if outcome.error and decided.config.readable:
        decided = replace(decided, plan=_plan_in_effect(engine, decided.plan, before.plan if before else Plan()))
    if outcome.changes or before is None or (decided.plan, decided.config) != (before.plan, before.config):
        engine.connections.forget()
    engine.keep(decided)
    engine.rule_returns.update(engine.foreign.deciding, *began)
    met = others == engine.doors.nft.of_others  # else a rule of theirs may have come after a table was created
    note_returned(engine, outcome, decided.plan, began if met else None, sent_at)
    return engine.record(outcome, before)


def note_returned(
    engine: "Engine", applied: Applied, plan: Plan, began: tuple[float, float] | None, sent_at: float
) -> None:
    """Note which changes of rules and routes wait no longer, as `applied` created their tables of the plan.

    Rules ask for all tables, routes for the hardware table or all. `began`: when the rules were read, in monotonic
    seconds and in seconds since 1970; None: a rule may have come after a table was created. `sent_at`: when the
    transactions were sent, in monotonic seconds.
    """
    made = set(applied.made)
    made |= engine.owed if made else set()  # the next pass creates these, and no table twice
    if made and made >= {table.name for table in plan.tables}:
        if began is not None:
            engine.rule_returns.returned(*began)
        engine.route_returns.returned(ToReturn.ALL, sent_at)
    elif HARDWARE_TABLE[0] in made:
        engine.route_returns.returned(ToReturn.HARDWARE, sent_at)


def _note_attempt(engine: "Engine", applied: Applied, plan: Plan, wanted: Collection[str]) -> None:
    # nft may create one table and refuse the other: then the next attempt or pass creates the other one only. But if
    # this attempt loaded rules of our firewall, tables that earlier attempts created are created again.
    left = set[str]()
    if applied.error:
        left = {*applied.owed, *(wanted if applied.made else ()), *(reconcile.TABLE_NAMES if applied.loaded else ())}
    engine.owed = engine.owed.union(left).difference(applied.made)
    if applied.made or not applied.error:
        engine.stations.moves.returned(left.union(applied.made), plan, engine.doors.clock())


def tables_for(what: ToReturn, plan: Plan) -> list[str]:
    """The names of the plan's tables that a change of routes asks to create again."""
    names = [table.name for table in plan.tables]
    return [each for each in names if what > ToReturn.HARDWARE or (what and each == HARDWARE_TABLE[0])]


def _apply(engine: "Engine", decided: Decided, forced: Collection[str]) -> Applied:
    # One transaction for both, unless nft refuses a part. With a new ruleset of the firewall our tables are created
    # again, because live flows must pass its rules; otherwise those in `forced`.
    nft, trusting = engine.doors.nft, not engine.touched
    firewall, pending = engine.firewall, _firewall_pending(engine)
    busy = reconcile.asking(decided, engine.doors.conntrack, engine.doors.netlink)
    if firewall is None or pending is None:
        return reconcile.apply(decided, nft, engine.applied, forced=forced, trusting=trusting, busy=busy)
    tables = {*forced, *reconcile.TABLE_NAMES}
    applied = reconcile.apply(decided, nft, engine.applied, forced=tables, trusting=trusting, opening=pending.text)
    if applied.changes:
        firewall.sent(pending)
        return replace(applied, loaded=True)
    loaded = firewall.load(pending)
    own = replace(engine.applied.then(int(loaded), datetime.now(UTC).isoformat(timespec="seconds")), loaded=loaded)
    tables = tables if loaded else {*forced}
    return own.with_attempt(reconcile.apply(decided, nft, engine.applied, forced=tables, trusting=trusting, busy=busy))


def _other_rules(engine: "Engine") -> bool:
    before = engine.foreign.found
    try:
        return engine.foreign.read(engine.doors.nft) != before
    except NftError:
        return True


def _firewall_pending(engine: "Engine") -> "Pending | None":
    if engine.firewall is None:
        return None
    with suppress(BusError):  # ubusd is away: the last reply of procd is used
        engine.services = firewall_data(engine.doors.bus)
    try:
        return engine.firewall.pending(engine.packages["firewall"], engine.dump, engine.services)
    except OffloadError as refusal:
        engine.firewall.unprepared = str(refusal)
        return None


def _moved(engine: "Engine", plan: Plan) -> tuple[str, ...]:
    # If this minute allows the tables only once more, bridges leave the flowtables with their wired ports for a while,
    # and the software table, which listed them, is created again.
    now = engine.doors.clock()
    tables = engine.stations.moves.tables_to_return(plan, now)
    chosen = engine.stations.moves.leave_out(now) if tables and engine.stations.moves.is_last(now) else frozenset[str]()
    for bridge in sorted(chosen):
        engine.news.append(("offload.degraded", {"error": ReasonCode.STATIONS_MOVE(master=bridge).text}))
    return (*tables, SOFTWARE_TABLE[0]) if chosen else tables


def _moved_meanwhile(engine: "Engine", plan: Plan) -> tuple[str, ...]:
    # if this minute allows it only once more, the next pass gets them from `_moved`
    now = engine.doors.clock()
    return () if engine.stations.moves.is_last(now) else engine.stations.moves.tables_to_return(plan, now)


def _for_routes(engine: "Engine", plan: Plan) -> list[str]:
    # so that flows are slow once, by this pass, and not again by the return that is due after it
    now = engine.doors.clock()
    due = engine.route_returns.due(now)
    return tables_for(engine.route_returns.what(now), plan) if due is not None and due <= now else []


def _plan_in_effect(engine: "Engine", wanted: Plan, before: Plan) -> Plan:
    try:
        live = engine.doors.nft.live(reconcile.TABLE_NAMES)
    except NftError:
        live = {table.name: expected(table) for table in before.tables}
    return effective_plan(wanted, before, live)
