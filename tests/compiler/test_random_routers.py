"""Two thousand random routers, a twentieth of them in `make unit`.

No exception, no line of an unknown form, no pair below its requested mode without a Reason, and the order of sections
and devices does not matter.
"""

from dataclasses import replace
from random import Random

from hypothesis import settings

from nft_text import strange_lines
from offload.compiler.offload.tables.diff import transactions
from offload.compiler.offload.tables.render import render
from offload.compiler.offload.tables.table import expected
from offload.model.config import Mode
from offload.model.kernel.live import LiveTable
from offload.model.plan import PairDecision, Plan, ZoneDecision
from offload.service.reconcile import decide
from random_routers import Router, changes, router

MANY, SOME, FEW = (20 * settings().max_examples, 4 * settings().max_examples, max(12, settings().max_examples // 2))


def plan_of(random_router: Router) -> Plan:
    return decide(random_router.packages, random_router.snapshot).plan


def silent(plan: Plan) -> list[object]:
    """Everything that got less than was asked for, or nothing at all, and does not say why."""
    decisions: list[ZoneDecision | PairDecision] = [*plan.zones, *plan.pairs]
    unasked = [zone for zone in plan.zones if not zone.chosen and zone.effective is not Mode.NONE]
    slower = [each for each in decisions if each.effective < each.mode or each.effective is Mode.NONE]
    slower = [each for each in slower if each not in unasked]
    unlisted = [each for each in plan.devices if not each.flowtables or (each.hardware and "hw" not in each.flowtables)]
    return [each for each in slower if not each.reasons] + [each for each in unlisted if not each.reasons]


def test_every_router_has_its_text_and_its_reasons() -> None:
    offloading = 0
    for seed in range(MANY):
        found = router(seed)
        decided = decide(found.packages, found.snapshot)
        text = render(decided.plan)
        assert strange_lines(text) == [], seed
        assert silent(decided.plan) == [], seed
        assert all(str(problem).isprintable() for problem in decided.problems), seed
        offloading += bool(decided.plan.tables)
    assert offloading > MANY / 3  # else the routers would prove little


def test_the_order_of_links_networks_and_addresses_does_not_matter() -> None:
    for seed in range(SOME):
        found = router(seed)
        random, snapshot = Random(seed), found.snapshot  # noqa: S311 - a test that repeats, not a secret
        shuffled = replace(
            snapshot,
            links=tuple(random.sample(snapshot.links, len(snapshot.links))),
            networks=tuple(random.sample(snapshot.networks, len(snapshot.networks))),
            addresses=tuple(random.sample(snapshot.addresses, len(snapshot.addresses))),
        )
        assert plan_of(found) == plan_of(replace(found, snapshot=shuffled)), seed


def test_what_is_there_needs_nothing() -> None:
    for seed in range(FEW):
        plan = plan_of(router(seed))
        assert transactions(plan, {table.name: expected(table) for table in plan.tables}) == []


def test_every_step_ends_where_the_plan_is() -> None:
    """Small changes, big ones and none: the texts are harmless, and the kernel that holds the result needs no more."""
    changed = returned = 0
    for seed in range(FEW):
        held = dict[str, LiveTable]()
        for step in changes(seed, 4):
            plan = plan_of(step)
            wanted = {table.name: expected(table) for table in plan.tables}
            sent = transactions(plan, held)
            assert bool(sent) == (held != wanted)
            changed += any(not each.returned for each in sent)
            returned += any(each.returned for each in sent)
            held = wanted
    assert min(changed, returned) > FEW / 2
