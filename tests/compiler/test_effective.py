"""The effective Plan after the kernel refused all of it, or its hardware table."""

from dataclasses import replace

from offload.compiler.offload.effective import effective_plan
from offload.compiler.offload.tables.table import expected
from offload.model.config import Family, Mode
from offload.model.kernel.live import LiveTable
from offload.model.plan import DeviceDecision, Element, PairDecision, Plan, PolicyKey, Table, ZoneDecision
from offload.model.problems.reason import Reason, ReasonCode

NOTHING = Plan()


def pair(src: str, mode: Mode) -> PairDecision:
    return PairDecision(src, "wan", mode, mode, Family.ANY, 0, ())


def table(mode: Mode, *sources: str) -> Table:
    elements = tuple(Element(src, "wan", PolicyKey(0, "any"), (src, "wan")) for src in sources)
    hardware = mode is Mode.HARDWARE
    names = ("flow_offload_hw", "hw") if hardware else ("flow_offload", "sw")
    return Table(*names, hardware, tuple(sorted((*sources, "wan"))), elements)


def plan(**modes: Mode) -> Plan:
    """Every zone a device of its own name, and a pair with wan."""
    by_mode = {mode: [name for name, own in modes.items() if own is mode] for mode in (Mode.SOFTWARE, Mode.HARDWARE)}
    tables = tuple(table(mode, *names) for mode, names in by_mode.items() if names)
    devices = tuple(
        DeviceDecision(name, (name,), tuple(each.flowtable for each in tables if name in each.devices), False, ())
        for name in modes
    )
    zones = tuple(ZoneDecision(name, mode, mode, (name,), ()) for name, mode in modes.items())
    return Plan(tables, zones, tuple(pair(name, mode) for name, mode in modes.items()), devices)


def live(*tables: Table) -> dict[str, LiveTable]:
    return {each.name: expected(each) for each in tables}


def paths(found: Plan) -> dict[str, tuple[Mode, bool]]:
    """Each pair's effective mode, and whether it carries the Reason that the plan was not applied."""
    return {each.src: (each.effective, refused(each.reasons)) for each in found.pairs}


def refused(reasons: tuple[Reason, ...]) -> bool:
    return ReasonCode.NOT_APPLIED in {reason.code for reason in reasons}


def test_a_plan_that_the_kernel_took_is_the_effective_one() -> None:
    wanted = plan(lan=Mode.SOFTWARE, guest=Mode.HARDWARE)
    assert effective_plan(wanted, NOTHING, live(*wanted.tables)) == wanted


def test_without_tables_a_refused_plan_leaves_all_pairs_slow() -> None:
    found = effective_plan(plan(lan=Mode.SOFTWARE), NOTHING, {})
    assert paths(found) == {"lan": (Mode.NONE, True)}
    assert [(zone.mode, zone.effective, refused(zone.reasons)) for zone in found.zones] == [
        (Mode.SOFTWARE, Mode.NONE, True)
    ]
    assert [(device.flowtables, refused(device.reasons)) for device in found.devices] == [((), True)]
    assert found.tables == ()


def test_after_a_refusal_the_tables_of_the_last_plan_count() -> None:
    before, wanted = plan(lan=Mode.SOFTWARE, guest=Mode.NONE), plan(lan=Mode.SOFTWARE, guest=Mode.SOFTWARE)
    found = effective_plan(wanted, before, live(*before.tables))
    assert paths(found) == {"lan": (Mode.SOFTWARE, False), "guest": (Mode.NONE, True)}
    assert found.tables == before.tables


def test_a_pair_that_should_be_slow_is_reported_fast_while_it_is() -> None:
    before, wanted = plan(lan=Mode.SOFTWARE), plan(lan=Mode.NONE)
    assert paths(effective_plan(wanted, before, live(*before.tables))) == {"lan": (Mode.SOFTWARE, True)}


def test_software_was_taken_and_hardware_was_not() -> None:
    wanted = plan(lan=Mode.HARDWARE, guest=Mode.SOFTWARE)
    found = effective_plan(wanted, NOTHING, live(wanted.tables[0]))
    assert paths(found) == {"lan": (Mode.NONE, True), "guest": (Mode.SOFTWARE, False)}
    assert [each.name for each in found.tables] == ["flow_offload"]


def test_a_hardware_table_that_was_wiped_and_refused_holds_nothing() -> None:
    before = plan(lan=Mode.HARDWARE)
    wanted = replace(before, tables=(replace(before.tables[0], devices=("lan", "lan2", "wan")),))
    assert paths(effective_plan(wanted, before, {})) == {"lan": (Mode.NONE, True)}
