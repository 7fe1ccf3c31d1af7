"""The methods that write a mode into /etc/config/offload, and the list of pairs whose path it changes."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from offload.config import edits
from offload.config.load import load
from offload.errors import OffloadError
from offload.model.config import Config, Mode, PairChoice
from offload.model.plan import PairDecision, Plan
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.problems.reason import Reason
from offload.model.sections.section import Edit, Section
from offload.nouns import replace
from offload.service import reconcile
from offload.service.bus import arguments, methods
from offload.service.bus.methods import Given, Json
from offload.service.engine import Engine
from offload.status.reply.reasons_json import reasons_json


def set_zone(engine: Engine, given: Given) -> Json:
    """Write `mode` of `zone` to /etc/config/offload, and make a pass. `given` has both words.

    The reply has the pass's outcome, the pairs that changed, the unchanged pairs of the zone that are slower than
    `mode`, and why. An OffloadError is raised only if nothing was written; an error of the pass is in the reply.
    """
    config, sections = _written_now(engine)
    mode, zone = arguments.mode(given.get("mode")), arguments.zone("zone", given.get("zone"), config)
    return _write(engine, edits.zone_mode(sections, zone, mode), mode, lambda src, dest: zone in {src, dest}, zone)


def set_pair(engine: Engine, given: Given) -> Json:
    """Write `mode` of the pair `src`, `dest` (`*`: every zone) to /etc/config/offload, and make a pass.

    The reply has the pass's outcome, the pairs that changed, the unchanged pairs chosen here that are slower, and why.
    Errors are as in `set_zone`.
    """
    config, sections = _written_now(engine)
    mode = arguments.mode(given.get("mode"))
    src, dest = (arguments.end(end, given.get(end), config) for end in ("src", "dest"))
    meant = PairChoice(src, dest, "", mode).means
    return _write(engine, edits.pair_mode(sections, src, dest, mode), mode, meant)


def _written_now(engine: Engine) -> tuple[Config, Sequence[Section]]:
    """The configuration in the files now, and the sections of /etc/config/offload.

    A missing file gives no sections. OffloadError if a file cannot be read, since a change could then spoil it.
    """
    packages = reconcile.read(engine.doors.uci)
    config, problems = load(packages)
    if not config.readable:
        raise OffloadError(str(next(each for each in problems if each.fault is not ProblemCode.FILE_MISSING)))
    found = packages["offload"]
    return config, () if isinstance(found, Problem) else found


def _write(
    engine: Engine, changes: list[Edit], mode: Mode, concerned: Callable[[str, str], bool], zone: str = ""
) -> Json:
    """Write the edits and make a pass. The reply lists all pairs that changed, and why others did not get `mode`.

    Others are unchanged pairs with `concerned(src, dest)` (the mode was chosen for them) that are slower than `mode`.
    `zone`: whose Reasons the reply has; empty: no Reasons. A failed pass leaves the edits in the file, and its error is
    in the reply; an OffloadError is raised only if nothing was written.
    """
    before = engine.decided.plan if engine.decided else Plan()
    engine.doors.uci.write("offload", changes)
    applied = engine.work()
    after = engine.decided.plan if engine.decided else before
    if applied.error:
        error = f"written to /etc/config/offload, but not yet in the kernel: {applied.error}"
        applied = replace(applied, error=error)
    chosen = {ends: mode for pair in after.pairs if concerned(*(ends := (pair.src, pair.dest)))}
    reasons = [reason for each in after.zones if each.name == zone for reason in each.reasons]
    return methods.applied_json(applied) | differences(before, after, chosen, reasons) | methods.found_json(engine)


def differences(
    before: Plan, after: Plan, chosen: Mapping[tuple[str, str], Mode], reasons: Iterable[Reason] = ()
) -> Json:
    """What a choice changes: `changed` as `changed_pairs`, `unchanged` with Reasons, and these Reasons of a zone.

    `chosen`: the modes chosen, by pair (src, dest). A pair is in `unchanged` if it has not changed and has less.
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
    """The pairs whose effective mode is new, each with both modes as `before` and `effective`; those of `after` first.

    A pair that one of the two lacks has mode none there. One that has less than its mode also has `mode` and `reasons`.
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
