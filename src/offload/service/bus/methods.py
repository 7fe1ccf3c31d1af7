"""Some ubus methods, as functions of engine and arguments. A pass reads router and files, and changes our tables.

If one raises an OffloadError, service/bus/ubus_object.py makes a reply of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from offload.config.choices.options import FALSE
from offload.errors import KernelError, OffloadError, StartingError
from offload.model.applied import Applied
from offload.model.flow import Share, State
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE
from offload.nouns import replace
from offload.service import reconcile
from offload.service.bus import arguments
from offload.service.bus.arguments import ArgumentError
from offload.service.engine import Engine
from offload.service.firewall.actions import act
from offload.service.memory import recall
from offload.service.memory.timed_exempts import timed_exempt_json
from offload.service.reconcile import Decided
from offload.service.tasks import hardware, station_sets
from offload.status.counts import counts_json
from offload.status.flows import flows
from offload.status.hardware.verdicts import Verdicts
from offload.status.problem_json import problem_json
from offload.status.query import select
from offload.status.reply.status_reply import status_json, zones_json
from offload.status.shares import Pair, ShareCount
from offload.status.text.metrics import families, families_json

Json = dict[str, Any]
Given = Mapping[str, Any]

TABLE_OF = {State.SOFTWARE: SOFTWARE_TABLE[0], State.HARDWARE: HARDWARE_TABLE[0]}


def status(engine: Engine, _: Given) -> Json:
    """The reply of `status`: firewall, kernel, modes of zones and pairs (zone > zone), devices, problems, last change.

    `error` of the last change has the cause also if the last load of our firewall failed. A pair has the counts of its
    live connections, and in `ended` those of its ended ones. `exempts`: those given at run time. `notes`: why live
    flows are not counted; else empty. `service`: number of passes, since when ended connections are counted, and
    whether none was missed. OffloadError before the first decision, or if routes cannot be read.
    """
    decided = last_decision(engine)
    counted, notes = _counted(engine, decided)
    verdicts = Verdicts(engine.hardware_monitor.known, engine.hardware_monitor.ports)
    plan = station_sets.counted_now(engine, decided.plan) if engine.resident else decided.plan
    error = engine.applied.error or (engine.firewall.error if engine.firewall else "")
    applied = replace(engine.applied, error=error)
    found = status_json(plan, decided.snapshot, decided.problems, counted, applied, verdicts)
    for pair in found["pairs"]:
        ended = engine.totals.of((pair["src"], pair["dest"]))
        every = {"flows": sum(ended.flows), "packets": sum(ended.packets), "bytes": sum(ended.octets)}
        pair["ended"] = every | {"by_path": counts_json(ended)}
    lived = {"passes": engine.passes, "since": engine.totals.since, "complete": engine.totals.whole}
    return found | {"exempts": exempts_json(engine), "notes": notes, "service": lived}


def metrics(engine: Engine, given: Given) -> Json:
    """The reply of `metrics`: `{"ok": True, "families": [...]}`, what `status` has, for Prometheus and collectd."""
    return {"ok": True, "families": families_json(families(status(engine, given)))}


def zones(engine: Engine, _: Given) -> Json:
    """The reply of `zones`: zones and pairs with their requested and effective modes, by the decision in force."""
    return zones_json(last_decision(engine).plan)


def reload(engine: Engine, _: Given) -> Json:
    """Make a pass that probes the kernel again, and requests hardware again for pairs and devices that were given up.

    The reply has its outcome (with `error` if it failed), `problems`, and `missing` (features).
    """
    return applied_json(engine.reload()) | found_json(engine)


def flush(engine: Engine, given: Given) -> Json:
    """Create the nft tables that have the selected flows again, by a pass: all their flows are slow for a moment.

    `query` of `given` may have zone, host and state; if it is empty, all tables are created again. The reply:
    `returned` (names of these tables) and `flows` (number of selected offloaded flows). Without such a table no pass is
    made. OffloadError if the pass fails, the query is not valid, or connections or routes cannot be read.
    """
    decided = last_decision(engine)
    query = arguments.chosen(given, decided.plan)
    entries = engine.doors.conntrack.entries(offloaded=True)
    found = flows(entries, engine.with_routes(decided), decided.plan, explained=False)
    fast = [flow for flow in select(found, query) if flow.state in TABLE_OF]
    tables = {table.name for table in decided.plan.tables}
    if given.get("query"):
        tables &= {TABLE_OF[flow.state] for flow in fast}
    applied = engine.work(forced=tables) if tables else engine.applied
    if tables and applied.error:
        raise OffloadError(applied.error)
    return {"ok": True, "returned": sorted(tables), "flows": len(fast)}


def exempt_add(engine: Engine, given: Given) -> Json:
    """Keep traffic slow (not offloaded) for `timeout` seconds; `match` of `given` has options of a `config exempt`.

    The reply: `{"ok": True, "id": its number, "expires": seconds}`. An exempt for the same traffic is replaced. A pass
    puts the new one into our tables; a file keeps it for the next service. ArgumentError for bad words. OffloadError if
    there are 1000 others already, if the pass fails (then the replaced one goes on), or if no service runs and no table
    in the kernel can keep it.
    """
    decided = last_decision(engine)
    seconds = arguments.number("timeout", given.get("timeout"), arguments.SHORTEST_TIMEOUT, arguments.LONGEST_TIMEOUT)
    match = arguments.table("match", given.get("match"))
    exempt = arguments.exempt(match, [zone.name for zone in decided.config.zones])
    if engine.timed_exempts.full(exempt):
        raise OffloadError("there are as many timed exempts as there can be: delete one, or write a 'config exempt'")
    before = engine.timed_exempts.ends  # if the new exempt is refused, an older one for the same traffic must go on
    number = engine.timed_exempts.add(exempt, seconds, engine.doors.clock())
    applied = engine.work()
    if applied.error:
        engine.timed_exempts.restore(before)
        raise OffloadError(applied.error)
    if not engine.resident and not engine.holds_exempt(number):
        raise OffloadError(
            "its traffic is not offloaded now, so the kernel has no table to keep it in, and no service runs to "
            "remember it: start the service (/etc/init.d/offload start), or write a 'config exempt' section"
        )
    recall.save_exempts(engine)
    return {"ok": True, "id": number, "expires": seconds}


def exempt_list(engine: Engine, _: Given) -> Json:
    """The reply of `exempt_list`: `exempts` (as `exempts_json` gives them) and `configured` (`configured_json`).

    The former were given at run time, the latter are `config exempt` sections. OffloadError before the first decision.
    """
    last_decision(engine)
    return {"ok": True, "exempts": exempts_json(engine), "configured": configured_json(engine)}


def exempt_delete(engine: Engine, given: Given) -> Json:
    """Delete the timed exempt (traffic kept slow) with number `id` from our tables, by a pass, and from its file.

    The reply has the outcome of the pass; if that fails, the exempt goes on. ArgumentError if there is no such exempt.
    """
    number, before = arguments.number("id", given.get("id"), 1, 999_999_999), engine.timed_exempts.ends
    if not engine.timed_exempts.delete(number):
        raise ArgumentError(f"id: there is no timed exempt {number}")
    applied = engine.work()
    if applied.error:
        engine.timed_exempts.restore(before)
    else:
        recall.save_exempts(engine)
    return applied_json(applied)


def firewall(engine: Engine, given: Given) -> Json:
    """Do `action` of `given` with our firewall (table inet fw4), and make a pass; empty: only give the state.

    `start`, `restart`: load its ruleset; `stop`: delete its table; `reload`: load the ruleset if it, files that it
    includes, or rules in its table changed; `reload-sets` (and `restart`): fill its nft sets anew; `update`: the pass
    alone. The reply has `ok`, `changes`, `stopped`, `loaded`, `problems` and any `error`, also of a failed load.
    OffloadError without the package offload-firewall, for another action, if the firewall is stopped (`reload`,
    `reload-sets`, `update`), or if nft or a file of ours fails other than in a load.
    """
    return act(engine.firewall, given.get("action", ""), engine.work)


def exempts_json(engine: Engine) -> list[Json]:
    """The exempts given at run time: `[{"id", "match", "timeout", "expires"}]`, `expires` being the seconds left.

    Those with less than 2 seconds left are not in it.
    """
    return [timed_exempt_json(timed_exempt) for timed_exempt in engine.timed_exempts.living(engine.doors.clock())]


def configured_json(engine: Engine) -> list[Json]:
    """Each `config exempt` in the file now, also disabled and faulty ones; none if the file cannot be read.

    `[{"section": id, "name": option or "", "enabled": bool, "match": {other options}}]`.
    """
    sections = reconcile.read(engine.doors.uci)["offload"]
    found = sections if isinstance(sections, tuple) else ()
    return [
        {"section": each.id, "name": each.options.get("name", ""), "enabled": each.options.get("enabled") not in FALSE}
        | {"match": {word: value for word, value in each.options.items() if word not in {"name", "enabled"}}}
        for each in found
        if each.type == "exempt"
    ]


def applied_json(applied: Applied) -> Json:
    """The outcome of a pass: `{"ok": bool, "changes": transactions sent, "returned": [...]}`, and `error` if it failed.

    `returned`: the nft tables that were created again or deleted: their flows went back to the slow path.
    """
    done: Json = {"ok": not applied.error, "changes": applied.changes, "returned": list(applied.returned)}
    return done | ({"error": applied.error} if applied.error else {})


def last_decision(engine: Engine) -> Decided:
    """The decision in force: of the last pass that could read router and files, else of the first that read the router.

    Without one: OffloadError with the error of the last pass, or StartingError if no pass was made yet.
    """
    if engine.decided is None:
        if engine.applied.error:
            raise OffloadError(engine.applied.error)
        raise StartingError("the service is starting: it has not read the router yet")
    return engine.decided


def _counted(engine: Engine, decided: Decided) -> tuple[dict[Pair, Share], list[str]]:
    # Hardware is judged by the same dump, if a pair is in hardware; not by an older one, whose counters stand still.
    conntrack, placed, before = engine.doors.conntrack, engine.with_routes(decided), engine.connections.last
    try:
        if not engine.resident and not engine.hardware_monitor.cases:
            return conntrack.summary(lambda: ShareCount(placed, decided.plan)).shares(), []
        read = engine.connections.read(conntrack, placed, decided.plan)
    except KernelError as error:
        return {}, [f"flows are not counted: {error}"]
    if read is not before and (engine.hardware_monitor.due is not None or engine.hardware_monitor.cases):
        hardware.run(engine, read.entries)
    return read.count.shares(), []


def found_json(engine: Engine) -> Json:
    """Two keys of a reply: `problems` of the files as the last pass read them, and `missing`, what kernel or nft lack.

    `missing` has sentences. Each is an empty list if there is nothing, as before the first pass.
    """
    problems = [problem_json(each) for each in (engine.decided.problems if engine.decided else ())]
    return {"problems": problems, "missing": [str(lack) for lack in (engine.kernel.missing if engine.kernel else ())]}


Answering = Callable[[Engine, Given], Json]
