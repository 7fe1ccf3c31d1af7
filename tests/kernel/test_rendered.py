"""The tables of random routers, loaded into a kernel by nft: accepted, and listed as the compiler expects them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path

import pytest

from firewall.test_reports import REPORTS
from firewall.test_reports import router as router_of
from kernel.netns import Namespace
from kernel.resident import SOAK
from offload.cli.firewall.compiled import compiled
from offload.compiler.offload.tables.diff import transactions
from offload.compiler.offload.tables.render import render
from offload.compiler.offload.tables.table import expected
from offload.model.plan import Plan
from offload.nft.text import ruleset_text
from offload.service.reconcile import decide
from offload.system.nft.door import Nft
from random_routers import Router, changes, router

TEXTS, AT_ONCE = 100 * SOAK, 20
ROUTERS, STEPS = 4 * SOAK, 4


def plan_of(random_router: Router) -> Plan:
    return decide(random_router.packages, random_router.snapshot).plan


def text_of(text: str) -> str:
    """A stock kernel has no driver that takes hardware flowtables; the rest of their tables is what we want to see."""
    return text.replace("\t\tflags offload\n", "").replace(" flags offload;", "")


@pytest.fixture(name="bench")
def _bench() -> Iterator[Namespace]:
    host = Namespace("rendered")
    yield host
    host.delete()


def make_devices(host: Namespace, names: Iterable[str]) -> None:
    """Every device that a flowtable lists, a map has an element for, or a rule compares by index."""
    with host.entered():
        there = {path.name for path in Path("/proc/thread-self/net/dev_snmp6").iterdir()}
    host.ip(*(f"link add name {name} type dummy" for name in sorted(set(names) - there)))


def listed(plans: Iterable[Plan]) -> set[str]:
    tables = [table for plan in plans for table in plan.tables]
    crossed = {device for table in tables for each in table.elements for device in (each.iif, each.oif)}
    return crossed.union(*(table.devices for table in tables), (table.absent for table in tables if table.absent))


def accepts(host: Namespace, texts: Mapping[str, str]) -> None:
    """Check the texts, many in one transaction: each begins with the removal of what the one before has made."""
    for names in batched(texts):
        try:
            assert host.run("nft", "-c", "-f", "-", text="".join(texts[name] for name in names)) == ""
        except AssertionError:
            for name in names:  # which of them, and why
                assert host.run("nft", "-c", "-f", "-", text=texts[name]) == "", name
            raise


def batched(names: Iterable[str]) -> Iterator[list[str]]:
    every = list(names)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))


def test_rulesets_of_random_routers_are_accepted(bench: Namespace) -> None:
    plans = ((seed, plan_of(router(seed))) for seed in count())
    chosen = dict(islice(((seed, plan) for seed, plan in plans if plan.tables), TEXTS))
    make_devices(bench, listed(chosen.values()))
    accepts(bench, {f"router {seed}": text_of(render(plan)) for seed, plan in chosen.items()})


def test_rulesets_of_golden_routers_are_accepted(bench: Namespace) -> None:
    golden = Path(__file__).parent.parent / "golden"
    texts = {file.parent.name: text_of(file.read_text()) for file in sorted(golden.glob("*/ruleset.nft"))}
    forms = r"devices = \{ (.*) \}|^\t{3}(\".*\") :|[io]if (?:!= )?(\".*?\")"
    lists = re.findall(forms, "".join(texts.values()), re.MULTILINE)
    make_devices(bench, set(re.findall(r'"([^"]*)"', str(lists))))
    accepts(bench, texts)


def test_firewalls_of_reports_are_accepted(bench: Namespace, tmp_path: Path) -> None:
    accepts(bench, {each.stem: ruleset(router_of(tmp_path / each.stem, each.read_text())) for each in REPORTS})


def ruleset(directory: Path) -> str:
    """The firewall of a router directory."""
    return ruleset_text(compiled(directory)[0])


@pytest.mark.parametrize("seed", range(ROUTERS))
def test_small_changes_bring_the_kernel_where_the_plan_is(bench: Namespace, seed: int) -> None:
    plans = [plan_of(changed) for changed in changes(seed, STEPS)]
    make_devices(bench, listed(plans))
    with bench.entered():
        nft = Nft()
        for plan in plans:
            names = [table.name for table in plan.tables]
            for transaction in transactions(plan, nft.live(("flow_offload", "flow_offload_hw"))):
                nft.apply(text_of(transaction.text))
            held = nft.live(("flow_offload", "flow_offload_hw"))
            assert held == dict(zip(names, map(expected, plan.tables), strict=True))
            assert transactions(plan, held) == []
