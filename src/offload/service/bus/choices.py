"""The ubus methods `set`, `set_pair` and `exempt_remove`, which change /etc/config/offload.

After each change they make a pass: it reads router and files again, and changes our nft tables accordingly. Their
replies have the pairs (zone > zone) that get another effective mode.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from offload.config import edits
from offload.config.load import load
from offload.errors import OffloadError
from offload.model.applied import Applied
from offload.model.config import Config, Mode, PairChoice
from offload.model.plan import PairDecision, Plan
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.problems.reason import Reason
from offload.model.sections.section import Edit, Removal, Section
from offload.nouns import replace
from offload.service import reconcile
from offload.service.bus import arguments, methods
from offload.service.bus.methods import Given, Json
from offload.service.engine import Engine
from offload.status.reply.reasons_json import reasons_json


def set_zone(engine: Engine, given: Given) -> Json:
    """Set `mode` in each `config zone` for `zone` in /etc/config/offload, or in a new one, and make a pass.

    `given` has both words. The reply has the pass's outcome, `changed` (pairs of zones whose effective mode changed),
    `unchanged` (pairs with this zone whose effective mode did not, and is lower than `mode`), `reasons` (why the zone
    gets less), `problems` and `missing` (features). OffloadError (ArgumentError for `given`): nothing was written. If
    the pass fails, `error` is in the reply, and the file stays as written.
    """
    config, sections = _written_now(engine)
    mode, zone = arguments.mode(given.get("mode")), arguments.zone("zone", given.get("zone"), config)
    return _write(engine, edits.zone_mode(sections, zone, mode), mode, lambda src, dest: zone in {src, dest}, zone)


def set_pair(engine: Engine, given: Given) -> Json:
    """Set `mode` for connections from zone `src` to `dest` (`*`: every zone) in /etc/config/offload, and make a pass.

    `given` has the three. The reply has the pass's outcome, `changed` (pairs of zones whose effective mode changed),
    `unchanged` (pairs chosen here whose effective mode did not, and is lower than `mode`), `reasons` (empty),
    `problems` and `missing` (features). OffloadError (ArgumentError for `given`): nothing was written. If the pass
    fails, `error` is in the reply, and the file stays as written.
    """
    config, sections = _written_now(engine)
    mode = arguments.mode(given.get("mode"))
    src, dest = (arguments.end(end, given.get(end), config) for end in ("src", "dest"))
    meant = PairChoice(src, dest, "", mode).means
    return _write(engine, edits.pair_mode(sections, src, dest, mode), mode, meant)


def exempt_remove(engine: Engine, given: Given) -> Json:
    """Delete the `config exempt` that `name` of `given` names from /etc/config/offload, and make a pass.

    `name`: the id of the section (`tv`, `@exempt[0]`), or its option `name`. The reply has that id as `section`, the
    pass's outcome, `changed` (pairs of zones whose effective mode changed), `problems` and `missing` (features).
    OffloadError: nothing was deleted, as there is no such exempt, more than one has this name, the program uci or LuCI
    has uncommitted changes of sections without a name, or a file cannot be read or written. If the pass fails, `error`
    is in the reply, and the section stays deleted.
    """
    _, sections = _written_now(engine)
    found = arguments.configured_exempt(given.get("name"), sections)
    before = engine.decided.plan if engine.decided else Plan()
    outcome = _changed_file(engine, [Removal(found.name)])
    after = engine.decided.plan if engine.decided else before
    reply = methods.applied_json(outcome) | {"section": found.id, "changed": changed_pairs(before, after)}
    return reply | methods.found_json(engine)


def _changed_file(engine: Engine, changes: Sequence[Edit | Removal]) -> Applied:
    """Write the changes to /etc/config/offload, make a pass, and give its outcome.

    If the pass fails, the changes stay in the file, and `error` of the outcome names that. An OffloadError is raised
    only if nothing was written.
    """
    engine.doors.uci.write("offload", changes)
    applied = engine.work()
    if not applied.error:
        return applied
    return replace(applied, error=f"written to /etc/config/offload, but not yet in the kernel: {applied.error}")


def _written_now(engine: Engine) -> tuple[Config, Sequence[Section]]:
    # A missing file has no sections. An unreadable one is an error, since an edit could spoil it.
    packages = reconcile.read(engine.doors.uci)
    config, problems = load(packages)
    if not config.readable:
        raise OffloadError(str(next(each for each in problems if each.fault is not ProblemCode.FILE_MISSING)))
    found = packages["offload"]
    return config, () if isinstance(found, Problem) else found


def _write(
    engine: Engine, changes: Sequence[Edit | Removal], mode: Mode, concerned: Callable[[str, str], bool], zone: str = ""
) -> Json:
    # `concerned(src, dest)`: the mode was chosen for this pair. `zone`: whose Reasons the reply has. A failed pass
    # leaves the edits in the file.
    before = engine.decided.plan if engine.decided else Plan()
    applied = _changed_file(engine, changes)
    after = engine.decided.plan if engine.decided else before
    chosen = {ends: mode for pair in after.pairs if concerned(*(ends := (pair.src, pair.dest)))}
    reasons = [reason for each in after.zones if each.name == zone for reason in each.reasons]
    return methods.applied_json(applied) | differences(before, after, chosen, reasons) | methods.found_json(engine)


def differences(
    before: Plan, after: Plan, chosen: Mapping[tuple[str, str], Mode], reasons: Iterable[Reason] = ()
) -> Json:
    """What a choice of modes changes: `{"changed": [...], "unchanged": [...], "reasons": [...]}`.

    `chosen`: the chosen modes by (source zone, destination zone). `changed`: pairs as `changed_pairs` gives them.
    `unchanged`: the chosen pairs that have the same effective mode as before, and a lower one than chosen; each
    `{"src", "dest", "mode", "effective", "reasons"}`. `reasons`: those in the argument, as JSON.
    """
    changed = changed_pairs(before, after)
    moved = {(each["src"], each["dest"]) for each in changed}
    unchanged = [
        {"src": pair.src, "dest": pair.dest, "mode": pair.mode.value, "effective": pair.effective.value}
        | {"reasons": reasons_json(pair.reasons)}
        for pair in after.pairs
        if (mode := chosen.get(ends := (pair.src, pair.dest))) and ends not in moved and pair.effective < mode
    ]
    return {"changed": changed, "unchanged": unchanged, "reasons": reasons_json(reasons)}


def changed_pairs(before: Plan, after: Plan) -> list[Json]:
    """The pairs of zones whose effective mode differs between two Plans, as JSON; those of `after` come first.

    Each has `src`, `dest`, and the effective modes `before` and `effective`; that of a Plan without the pair is `none`.
    If the effective mode in `after` is lower than the requested one, `mode` (the requested one) and `reasons` are
    added.
    """
    then, now = ({(pair.src, pair.dest): pair for pair in plan.pairs} for plan in (before, after))
    modes = ((pair, _effective(then.get(pair)), _effective(now.get(pair))) for pair in now | then)
    return [
        {"src": pair[0], "dest": pair[1], "before": was, "effective": effective} | _less(now.get(pair))
        for pair, was, effective in modes
        if was != effective
    ]


def _effective(pair: PairDecision | None) -> str:
    return pair.effective.value if pair else Mode.NONE.value


def _less(pair: PairDecision | None) -> Json:
    if pair is None or not pair.effective < pair.mode:
        return {}
    return {"mode": pair.mode.value, "reasons": reasons_json(pair.reasons)}
