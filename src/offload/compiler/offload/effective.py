"""The Plan (modes and tables) in effect after the kernel refused the wanted one or a part of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from offload.compiler.offload.tables.table import expected
from offload.model.config import Mode
from offload.model.kernel.live import LiveTable
from offload.model.plan import TABLES, DeviceDecision, PairDecision, Plan, Table, ZoneDecision, deciding_pairs
from offload.model.problems.reason import ReasonCode
from offload.nouns import replace

NAMES = {mode: name for name, _, mode in TABLES}
Decision = TypeVar("Decision", PairDecision, ZoneDecision)


def effective_plan(wanted: Plan, before: Plan, live: Mapping[str, LiveTable]) -> Plan:
    """The Plan that is in effect after the kernel refused `wanted` or a part of it, by the tables that the kernel has.

    `before`: the Plan in effect until now; `live`: the tables in the kernel, by name. Of each name the result has the
    table of `wanted` if the kernel has that, else the one of `before` if the kernel has that. Pairs of zones, zones and
    devices are those of `wanted`, with the modes and flowtables that these tables give them; where these differ from
    `wanted`, the Reason NOT_APPLIED comes first. All else is as in `wanted`.
    """
    tables = tuple(table for name in NAMES.values() for table in _held(name, wanted, before, live))
    fresh = {table.name for table in tables if table in wanted.tables}
    old = {table.name for table in tables} - fresh
    then = {(pair.src, pair.dest): pair.effective for pair in before.pairs}

    def effective(pair: PairDecision) -> Mode:
        for mode, among in ((then.get((pair.src, pair.dest)), old), (pair.effective, fresh)):
            if mode is not None and NAMES.get(mode) in among:
                return mode
        # where a port decides, the pair's flows are in software if the kernel refused the hardware table
        shared = {element.pair for table in tables for element in table.shared}
        return Mode.SOFTWARE if pair.effective is Mode.HARDWARE and (pair.src, pair.dest) in shared else Mode.NONE

    pairs = tuple(_lowered(pair, effective(pair)) for pair in wanted.pairs)
    fastest = {
        zone.name: max((pair.effective for pair in deciding_pairs(zone.name, pairs)), default=Mode.NONE)
        for zone in wanted.zones
    }
    return replace(
        wanted,
        tables=tables,
        pairs=pairs,
        zones=tuple(_lowered(zone, fastest[zone.name]) for zone in wanted.zones),
        devices=tuple(_unlisted(device, tables) for device in wanted.devices),
    )


def _held(name: str, wanted: Plan, before: Plan, live: Mapping[str, LiveTable]) -> Iterable[Table]:
    candidates = [table for plan in (wanted, before) for table in plan.tables if table.name == name]
    return [table for table in candidates if live.get(name) == expected(table)][:1]


def _lowered(decision: Decision, effective: Mode) -> Decision:
    if effective is decision.effective:
        return decision
    return replace(decision, effective=effective, reasons=(ReasonCode.NOT_APPLIED(), *decision.reasons))


def _unlisted(device: DeviceDecision, tables: Iterable[Table]) -> DeviceDecision:
    listed = tuple(table.flowtable for table in tables if device.name in table.devices)
    if listed == device.flowtables:
        return device
    return replace(device, flowtables=listed, reasons=(ReasonCode.NOT_APPLIED(), *device.reasons))
