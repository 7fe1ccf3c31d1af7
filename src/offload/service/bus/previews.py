"""The ubus method `preview`: the effect of a choice of modes, without changing a file or a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from offload.compiler.offload.tables.diff import transactions
from offload.compiler.offload.tables.table import expected
from offload.config import edits
from offload.config.load import load
from offload.errors import OffloadError
from offload.model.config import Config, Mode
from offload.model.plan import HARDWARE_TABLE, SOFTWARE_TABLE, Plan
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Edit, Removal, Section, applied
from offload.service import reconcile
from offload.service.bus import arguments, choices, methods
from offload.service.bus.arguments import ArgumentError
from offload.service.engine import Engine
from offload.service.reconcile import Decided
from offload.status.problem_json import problem_json
from offload.status.shares import ShareCount

Json = dict[str, Any]
WORDS = ("zones", "pairs")
PAIR = ("src", "dest", "mode")
MOST = 256  # zones or pairs of one call


def preview(engine: Engine, given: Mapping[str, Any]) -> Json:
    """What a choice of modes would change. The call changes no file and no table; `nft -c` may check devices.

    `query` of `given` is `{"zones": {name: mode}, "pairs": [{"src", "dest", "mode"}]}`, or has one of the two. An empty
    mode takes the choice back: that of a zone is deleted, of a pair its section. The reply has `changed` and
    `unchanged` (pairs of zones, as in the reply of `set`), `reasons` (empty), `returned` (nft tables that would be
    created again or deleted), `flows` (number of live flows in these), `problems` (those that would be new), and
    `missing` (features). ArgumentError for a bad query; OffloadError if something cannot be read, such as a
    configuration file or connections.
    """
    before = methods.last_decision(engine)
    packages = reconcile.read(engine.doors.uci)
    config, problems = load(packages)
    if not config.readable:
        raise OffloadError(str(next(each for each in problems if each.fault is not ProblemCode.FILE_MISSING)))
    found = packages["offload"]
    sections: tuple[Section, ...] = () if isinstance(found, Problem) else found
    asked = arguments.table("query", given.get("query"))
    if not asked or not asked.keys() <= set(WORDS):
        raise ArgumentError(f"query: give {' or '.join(WORDS)} with their modes")
    after_sections, chosen = sections, dict[tuple[str, str], Mode | None]()
    for ends, mode in _choices(asked, config):
        after_sections = _applied(after_sections, _edits(after_sections, ends, mode))
        chosen |= dict.fromkeys(_meant(ends, before.plan), mode)
    changed = {**packages, "offload": after_sections}
    seen = engine.hardware_probe.probe(before.snapshot, changed, engine.doors.netlink, engine.doors.nft)
    after, known = engine.decide(changed, seen), frozenset(before.problems)
    asked_for = {(pair.src, pair.dest): pair.mode for pair in after.plan.pairs}
    modes = {ends: mode for ends, own in chosen.items() if (mode := own or asked_for.get(ends))}
    return {"ok": True, **choices.differences(before.plan, after.plan, modes)} | {
        **_felt(engine, before.plan, after),
        "problems": [problem_json(each) for each in after.problems if each not in known],
        "missing": methods.found_json(engine)["missing"],
    }


def _choices(asked: Mapping[str, Any], config: Config) -> Iterable[tuple[tuple[str, ...], Mode | None]]:
    zones, pairs = arguments.table("zones", asked.get("zones", {})), asked.get("pairs", [])
    if not isinstance(pairs, list) or len(pairs) + len(zones) > MOST:
        raise ArgumentError(f"pairs: give a list; zones and pairs may be {MOST} together")
    for name, mode in zones.items():
        yield (arguments.zone("zones", name, config),), _mode(mode)
    for each in pairs:
        words = arguments.table("pairs", each)
        if words.keys() != set(PAIR):
            raise ArgumentError(f"pairs: each has {', '.join(PAIR)}, and nothing else")
        ends = tuple(arguments.end(end, words.get(end), config) for end in ("src", "dest"))
        yield ends, _mode(words.get("mode"))


def _mode(value: object) -> Mode | None:
    return None if value == "" else arguments.mode(value)


def _edits(sections: tuple[Section, ...], ends: tuple[str, ...], mode: Mode | None) -> Sequence[Edit | Removal]:
    if len(ends) == 1:
        return edits.zone_mode(sections, ends[0], mode)
    src, dest = ends
    return edits.pair_mode(sections, src, dest, mode)


def _applied(sections: tuple[Section, ...], change: Sequence[Edit | Removal]) -> tuple[Section, ...]:
    # edits need a section to begin with, also if the file is missing
    nothing = Section("offload", "globals", "globals", "globals", {})
    return applied(sections or (nothing,), change)


def _meant(ends: tuple[str, ...], plan: Plan) -> Iterable[tuple[str, str]]:
    for pair in plan.pairs:
        own = (pair.src, pair.dest)
        if ends[0] in own if len(ends) == 1 else all(end in {"*", name} for end, name in zip(ends, own, strict=True)):
            yield own


def _felt(engine: Engine, before: Plan, after: Decided) -> Json:
    # `flows`: those of the tables that would be created again: they are slow for a moment
    live = {table.name: expected(table) for table in before.tables}
    busy = reconcile.asking(after, engine.doors.conntrack, engine.doors.netlink)
    returned = sorted({name for each in transactions(after.plan, live, busy=busy) for name in each.returned})
    paths = {SOFTWARE_TABLE[0]: "software", HARDWARE_TABLE[0]: "hardware"}
    placed = engine.with_routes(methods.last_decision(engine))
    counted = engine.doors.conntrack.summary(lambda: ShareCount(placed, before)).shares()
    felt = {paths[name] for name in returned}
    flows = sum(number for share in counted.values() for state, number in share.flows.items() if state.value in felt)
    return {"returned": returned, "flows": flows}
