"""What each method answers. A refusal is raised as an OffloadError, whose sentence becomes the reply."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from offload.config import edits
from offload.config.load import load
from offload.errors import KernelError, OffloadError, StartingError
from offload.model.applied import Applied
from offload.model.config import Config, Edit, Mode, PairChoice, Section
from offload.model.flow import Share, State
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE, Plan
from offload.model.problems.problem import Problem, ProblemCode
from offload.nouns import replace
from offload.service import reconcile
from offload.service.bus import arguments
from offload.service.bus.arguments import ArgumentError
from offload.service.bus.cut import Selection, cut
from offload.service.engine import Engine
from offload.service.firewall.actions import act
from offload.service.memory.timed_exempts import timed_exempt_json
from offload.service.reconcile import Decided
from offload.service.tasks import hardware, station_sets
from offload.status import report
from offload.status.flows import flows, page
from offload.status.proof.evidence import Evidence
from offload.status.query import Query, select
from offload.status.query_words import PAGE
from offload.status.shares import Pair, ShareCount, shares
from offload.status.text.metrics import families, families_json

Json = dict[str, Any]
Given = Mapping[str, Any]

LARGEST_PAGE = 500
CHOOSING = ("zone", "host", "state")
TABLE_OF = {State.SOFTWARE: SOFTWARE_TABLE[0], State.HARDWARE: HARDWARE_TABLE[0]}


def status(service: Engine, _: Given) -> Json:
    """Zones, pairs, devices, problems, and what the last pass did."""
    decided = known(service)
    counted, notes = _counted(service, decided)
    evidence = Evidence(service.proofs.known, service.proofs.ports)
    plan = station_sets.counted_now(service, decided.plan) if service.resident else decided.plan
    found = report.status_json(plan, decided.snapshot, decided.problems, counted, service.applied, evidence)
    for pair in found["pairs"]:
        number, octets = service.totals.of((pair["src"], pair["dest"]))
        pair["ended"] = {"flows": number, "bytes": octets}
    lived = {"passes": service.passes, "since": service.totals.since, "complete": service.totals.whole}
    return found | {"exempts": exempts_json(service), "notes": notes, "service": lived}


def metrics(service: Engine, given: Given) -> Json:
    """The status as families of metrics, for collectors."""
    return {"ok": True, "families": families_json(families(status(service, given)))}


def zones(service: Engine, _: Given) -> Json:
    """Zones and pairs alone: what can be chosen, and what came of it."""
    return report.zones_json(known(service).plan)


def check(service: Engine, _: Given) -> Json:
    """The problems of the configuration now, features that kernel or nft lack, and what offload disturbs."""
    seen = known(service).snapshot
    decided = service.decide(reconcile.read(service.doors.uci), seen)
    return report.check_json(decided.problems, seen.kernel, reconcile.findings(decided, service.doors.uci))


def reload(service: Engine, _: Given) -> Json:
    """Read everything anew, and bring the kernel in line."""
    return applied_json(service.reload()) | found_json(service)


def set_zone(service: Engine, given: Given) -> Json:
    """Write a zone's mode, commit, and apply."""
    config, sections = _written_now(service)
    mode, zone = arguments.mode(given.get("mode")), arguments.zone("zone", given.get("zone"), config)
    return _write(service, edits.zone_mode(sections, zone, mode), mode, lambda src, dest: zone in {src, dest}, zone)


def set_pair(service: Engine, given: Given) -> Json:
    """Write a pair's own mode, commit, and apply."""
    config, sections = _written_now(service)
    mode = arguments.mode(given.get("mode"))
    src, dest = (arguments.end(end, given.get(end), config) for end in ("src", "dest"))
    meant = PairChoice(src, dest, "", mode).means
    return _write(service, edits.pair_mode(sections, src, dest, mode), mode, meant)


def list_flows(service: Engine, given: Given) -> Json:
    """A page of the forwarded connections; `total` is the number of all that were asked for."""
    decided = known(service)
    query, everything = _query(given, decided.plan)
    limit = PAGE if query.limit is None else query.limit
    asked = replace(query, limit=min(limit, LARGEST_PAGE) if service.resident else limit)
    entries = service.doors.conntrack.entries()
    seen, cases = service.with_stations(decided), service.proofs.known
    shown, total = page(entries, seen, decided.plan, asked, cases, everything=everything)
    listed = [report.flow_json(flow) for flow in shown]
    return {"ok": True, "total": total, "offset": asked.offset, "limit": asked.limit, "flows": listed}


def flush(service: Engine, given: Given) -> Json:
    """Return the tables in which the flows asked for are: these take a few slow packets, and no connection ends."""
    decided = known(service)
    query = _chosen(given, decided.plan)
    entries = service.doors.conntrack.entries()
    found = flows(entries, service.placed(decided), decided.plan, explained=False)
    fast = [flow for flow in select(found, query) if flow.state in TABLE_OF]
    tables = {table.name for table in decided.plan.tables}
    if given.get("query"):
        tables &= {TABLE_OF[flow.state] for flow in fast}
    applied = service.work(forced=tables) if tables else service.applied
    if tables and applied.error:
        raise OffloadError(applied.error)
    return {"ok": True, "returned": sorted(tables), "flows": len(fast)}


def end(service: Engine, given: Given) -> Json:
    """Cut the connections asked for: what goes on must pass the firewall anew. Something must be asked for."""
    decided = known(service)
    words = dict(arguments.table("query", given.get("query")))
    one = arguments.connection(words.pop("flow")) if "flow" in words else None
    query = _chosen({"query": words}, decided.plan)
    if query == Query() and one is None:
        raise ArgumentError("query: name whose connections are to end: zone, host, state or flow")
    proto, ends = one or (None, None)
    selection = Selection(query=query, tuples=frozenset({ends}) if ends else None, proto=proto)
    done = cut(selection, service.placed(decided), decided.plan, service.doors.conntrack)
    reply: Json = {"ok": not done.error, "flows": done.asked, "ended": done.ended}
    return reply | ({"error": done.error} if done.error else {})


def exempt_add(service: Engine, given: Given) -> Json:
    """Keep traffic on the slow path for a while."""
    decided = known(service)
    seconds = arguments.number("timeout", given.get("timeout"), arguments.SHORTEST_TIMEOUT, arguments.LONGEST_TIMEOUT)
    match = arguments.table("match", given.get("match"))
    exempt = arguments.exempt(match, [zone.name for zone in decided.config.zones])
    if service.timed_exempts.full():
        raise ArgumentError(
            "there are as many run-time exempts as there can be: delete one, or write a 'config exempt'"
        )
    before = service.timed_exempts.ends  # one for the same traffic goes on if the new one is refused
    number = service.timed_exempts.add(exempt, seconds, service.doors.clock())
    applied = service.work()
    if applied.error:
        service.timed_exempts.restore(before)
        raise OffloadError(applied.error)
    if not service.resident and not service.holds(number):
        raise OffloadError(
            "its traffic is not offloaded now, so the kernel has no table to keep it in, and no service runs to "
            "remember it: start the service (/etc/init.d/offload start), or write a 'config exempt' section"
        )
    service.save_exempts()
    return {"ok": True, "id": number, "expires": seconds}


def exempt_delete(service: Engine, given: Given) -> Json:
    """End a run-time exempt now."""
    number = arguments.number("id", given.get("id"), 1, 999_999_999)
    if not service.timed_exempts.delete(number):
        raise ArgumentError(f"id: there is no run-time exempt {number}")
    applied = service.work()
    service.save_exempts()
    return applied_json(applied)


def firewall(service: Engine, given: Given) -> Json:
    """Start, stop or reload the firewall, or give its sets their contents; with an empty action only report."""
    return act(service.firewall, given.get("action", ""), service.work)


def exempts_json(service: Engine) -> list[Json]:
    """The run-time exempts with the seconds they have left."""
    return [timed_exempt_json(timed_exempt) for timed_exempt in service.timed_exempts.living(service.doors.clock())]


def applied_json(applied: Applied) -> Json:
    """The outcome of a pass; a failed one is a refusal."""
    done: Json = {"ok": not applied.error, "changes": applied.changes, "returned": list(applied.returned)}
    return done | ({"error": applied.error} if applied.error else {})


def known(service: Engine) -> Decided:
    """What the last pass read and decided; an OffloadError where there was none."""
    if service.decided is None:
        if service.applied.error:
            raise OffloadError(service.applied.error)
        raise StartingError("the service is starting: it has not read the router yet")
    return service.decided


def _counted(service: Engine, decided: Decided) -> tuple[dict[Pair, Share], list[str]]:
    """What each pair has on each path, and why that is not known. Judging hardware takes whole entries."""
    conntrack, placed = service.doors.conntrack, service.placed(decided)
    try:
        if service.proofs.due is None and not service.proofs.cases:
            return conntrack.summary(lambda: ShareCount(placed, decided.plan)).shares(), []
        entries = conntrack.entries()
    except KernelError as error:
        return {}, [f"flows are not counted: {error}"]
    hardware.run(service, entries)
    return shares(entries, placed, decided.plan), []


def _query(given: Given, plan: Plan) -> tuple[Query, bool]:
    words = dict(arguments.table("query", given.get("query")))
    everything = words.pop("all", False)
    if not isinstance(everything, bool):
        raise ArgumentError(f"all: {arguments.shown(everything)} is neither true nor false")
    return Query.of(words, [zone.name for zone in plan.zones]), everything


def _chosen(given: Given, plan: Plan) -> Query:
    """Which flows are meant, where no list is made of them: whoever gives a `limit` means fewer than there would be."""
    words = arguments.table("query", given.get("query"))
    if unknown := [word for word in words if word not in CHOOSING]:
        raise ArgumentError(f"query: {arguments.shown(unknown[0])} does not choose flows: use {', '.join(CHOOSING)}")
    return Query.of(words, [zone.name for zone in plan.zones])


def _written_now(service: Engine) -> tuple[Config, Sequence[Section]]:
    """The configuration as the files have it now; OffloadError where a change to it cannot be meant."""
    packages = reconcile.read(service.doors.uci)
    config, problems = load(packages)
    if not config.readable:
        raise OffloadError(str(next(each for each in problems if each.fault is not ProblemCode.FILE_MISSING)))
    found = packages["offload"]
    return config, () if isinstance(found, Problem) else found


def _write(
    service: Engine, changes: list[Edit], mode: Mode, concerned: Callable[[str, str], bool], zone: str = ""
) -> Json:
    """Write and apply a choice of `mode`; the reply says what it changed of the pairs concerned, and why not more."""
    before = service.decided.plan if service.decided else Plan()
    service.doors.uci.write("offload", changes)
    applied = service.work()
    after = service.decided.plan if service.decided else before
    if applied.error:
        error = f"written to /etc/config/offload, but not yet in the kernel: {applied.error}"
        applied = replace(applied, error=error)
    changed = changed_pairs(before, after)
    moved = {(each["src"], each["dest"]) for each in changed}
    unchanged = [
        {"src": pair.src, "dest": pair.dest, "mode": pair.mode.value, "effective": pair.effective.value}
        | {"reasons": report.reasons_json(pair.reasons)}
        for pair in after.pairs
        if concerned(pair.src, pair.dest) and (pair.src, pair.dest) not in moved and pair.effective < mode
    ]
    reasons = [reason for each in after.zones if each.name == zone for reason in each.reasons]
    reply = {"changed": changed, "unchanged": unchanged, "reasons": report.reasons_json(reasons)}
    return applied_json(applied) | reply | found_json(service)


def changed_pairs(before: Plan, after: Plan) -> list[Json]:
    """The pairs whose path is another now."""
    then = {(pair.src, pair.dest): pair.effective.value for pair in before.pairs}
    return [
        {"src": pair.src, "dest": pair.dest, "before": was, "effective": pair.effective.value}
        for pair in after.pairs
        if (was := then.get((pair.src, pair.dest), "none")) != pair.effective.value
    ]


def found_json(service: Engine) -> Json:
    """What keeps a pass from doing all that was asked: in the configuration, and in kernel or nft."""
    problems = [report.problem_json(each) for each in (service.decided.problems if service.decided else ())]
    return {"problems": problems, "missing": [str(lack) for lack in (service.kernel.missing if service.kernel else ())]}


Answering = Callable[[Engine, Given], Json]
