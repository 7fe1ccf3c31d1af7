"""From the tables in the kernel to those of the Plan: which change returns live flows, and the text sent to nft."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_network

import pytest

from exempts import exempt_of
from offload.compiler.offload.tables import chains
from offload.compiler.offload.tables.diff import transactions
from offload.compiler.offload.tables.lost import Lost, lost
from offload.compiler.offload.tables.render import render_table
from offload.compiler.offload.tables.table import compiled, expected, with_nft
from offload.model.kernel.live import LiveTable
from offload.model.plan import DeviceDecision, Element, ExemptMatch, Plan, PolicyKey, Table, TimedExempt

ALL, V4, V6 = PolicyKey(0, "any"), PolicyKey(0, "ipv4"), PolicyKey(0, "ipv6")
LAN, GUEST = Element("br-lan", "wan", ALL, ("lan", "wan")), Element("br-guest", "wan", ALL, ("guest", "wan"))
PRESENT = frozenset({"br-lan", "br-guest", "wan", "lan1"})


def exempt(address: str, **words: tuple[str, ...]) -> ExemptMatch:
    return ExemptMatch(exempt_of(address, "@exempt[0]", src_ip=(ip_network(address),), **words))  # type: ignore[arg-type] # as above


CONSOLE, PHONE, NET = exempt("10.0.0.1"), exempt("10.0.0.2"), exempt("10.1.0.0/16")
BASE = Table("flow_offload", "sw", False, ("br-guest", "br-lan", "wan"), (GUEST, LAN), (CONSOLE, NET))
HARDWARE = replace(BASE, name="flow_offload_hw", flowtable="hw", hardware=True)


def held(*tables: Table) -> dict[str, LiveTable]:
    return {table.name: expected(table) for table in tables}


def plan(*tables: Table) -> Plan:
    return Plan(tables=tables, present=PRESENT)


@dataclass(frozen=True)
class PairHardware:
    """What becomes of BASE, whether its flows return, and the lines that say so where they do not."""

    change: Callable[[Table], Table]
    returned: bool
    lines: tuple[str, ...] = ()


def with_policy(policy: PolicyKey) -> Callable[[Table], Table]:
    return lambda table: replace(table, elements=(GUEST, replace(LAN, policy=policy)))


ADD, DELETE = "add element inet flow_offload", "delete element inet flow_offload"


def crossings(between: str) -> tuple[str, ...]:
    """The lines that give BASE's map all its elements anew, with this one for packets from the LAN or its replies."""
    replies = "policy_0_replies" if between.endswith("replies") else "replies"
    listed = f'"br-guest" . "wan" : goto policy_0, {between}, "wan" . "br-guest" : goto replies'
    return (
        "flush map inet flow_offload crossings",
        f'{ADD} crossings {{ {listed}, "wan" . "br-lan" : goto {replies} }}',
    )


CASES = {
    "a device more": PairHardware(
        lambda table: replace(table, devices=("br-guest", "br-lan", "lan1", "wan")),
        returned=False,
        lines=('add flowtable inet flow_offload sw { hook ingress priority filter; devices = { "lan1" }; counter; }',),
    ),
    "a device less": PairHardware(lambda table: replace(table, devices=("br-lan", "wan")), returned=True),
    "a pair more": PairHardware(
        lambda table: replace(table, elements=(*table.elements, Element("wan", "br-lan", ALL, ("wan", "lan")))),
        returned=False,
        lines=("add chain inet flow_offload policy_0_replies", *crossings('"br-lan" . "wan" : goto policy_0_replies')),
    ),
    "a pair less": PairHardware(lambda table: replace(table, elements=(LAN,)), returned=True),
    "a pair less whose device went away": PairHardware(
        lambda table: replace(table, elements=(GUEST, LAN)),
        returned=False,
        lines=crossings('"br-lan" . "wan" : goto policy_0'),
    ),
    "a narrower family": PairHardware(with_policy(V4), returned=True),
    "more packets first": PairHardware(
        with_policy(PolicyKey(9, "any")),
        returned=False,
        lines=(
            "add chain inet flow_offload policy_9",
            "flush chain inet flow_offload policy_9",
            *crossings('"br-lan" . "wan" : goto policy_9'),
        ),
    ),
    "an exempt more of a known shape": PairHardware(
        lambda table: replace(table, exempts=(CONSOLE, NET, PHONE)), returned=True
    ),
    "an exempt more of a new shape": PairHardware(
        lambda table: replace(table, exempts=(CONSOLE, NET, exempt("10.0.0.1", proto=("udp",)))), returned=True
    ),
    "an exempt less": PairHardware(
        lambda table: replace(table, exempts=(CONSOLE,)),
        returned=False,
        lines=("flush chain inet flow_offload exempt", "delete set inet flow_offload exempt_ip4_saddr_ddef59_r1"),
    ),
    "no exempt any more": PairHardware(
        lambda table: replace(table, exempts=()),
        returned=False,
        lines=("flush chain inet flow_offload exempt", "flush chain inet flow_offload policy_0"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_change(name: str) -> None:
    case = CASES[name]
    before = BASE
    if name == "a pair less whose device went away":
        before = replace(BASE, elements=(*BASE.elements, Element("gone0", "wan", ALL, ("lan", "wan"))))
    (sent,) = transactions(plan(case.change(BASE)), held(before))
    assert sent.returned == (("flow_offload",) if case.returned else ())
    lines = sent.text.splitlines()
    assert ("delete table inet flow_offload" in lines) == case.returned
    for line in case.lines:
        assert line in lines


def test_a_device_that_was_made_again_has_another_index_in_the_map() -> None:
    before, after = (replace(BASE, indexes=(("br-lan", 3), ("wan", index))) for index in (7, 9))
    (sent,) = transactions(plan(after), held(before))
    assert (sent.returned, sent.lost) == ((), Lost())
    assert set(crossings('"br-lan" . "wan" : goto policy_0')) <= set(sent.text.splitlines())
    assert transactions(plan(after), held(after)) == []


COMPARISON = ('oif "', 'oif != "')  # as the rule with the device that all have, or none, begins
GATED = [replace(BASE, common="wan"), replace(BASE, absent="br-iot")]


@pytest.mark.parametrize("gated", GATED, ids=["common", "absent"])
@pytest.mark.parametrize("back", [False, True], ids=["comes", "goes"])
def test_a_comparison_before_the_look_up_comes_and_goes_without_a_return(gated: Table, back: bool) -> None:
    before, after = (gated, BASE) if back else (BASE, gated)
    (sent,) = transactions(plan(after), held(before))
    assert (sent.returned, sent.lost) == ((), Lost())
    lines = sent.text.splitlines()
    assert "flush chain inet flow_offload forward" in lines
    assert any(COMPARISON[bool(gated.absent)] in line for line in lines) is not back
    assert transactions(plan(after), held(after)) == []


@pytest.mark.parametrize("gated", GATED, ids=["common", "absent"])
def test_the_device_that_is_compared_first_was_made_again(gated: Table) -> None:
    name = gated.common or gated.absent
    before, after = (replace(gated, indexes=((name, index),)) for index in (7, 9))
    (sent,) = transactions(plan(after), held(before))
    assert (sent.returned, sent.lost) == ((), Lost())
    lines = sent.text.splitlines()
    assert "flush chain inet flow_offload forward" in lines
    assert any(f'{COMPARISON[bool(gated.absent)]}{name}"' in line for line in lines)


def test_a_rule_of_another_program_before_the_look_up_returns_the_table() -> None:
    now = expected(GATED[0])
    (sent,) = transactions(
        plan(GATED[0]), {BASE.name: replace(now, rules={**now.rules, "forward": ("", *now.rules["forward"])})}
    )
    assert sent.returned == ("flow_offload",)


@pytest.mark.parametrize(("table", "hook"), [(BASE, "filter;"), (HARDWARE, "filter + 1; flags offload;")])
def test_a_flowtable_that_lost_its_counter_gets_it_back(table: Table, hook: str) -> None:
    uncounted = {table.name: replace(expected(table), counter=False)}
    (sent,) = transactions(plan(table), uncounted)
    assert sent.returned == ()
    named = f"inet {table.name} {table.flowtable}"
    assert sent.text == f"add flowtable {named} {{ hook ingress priority {hook} counter; }}\n"


def test_a_table_of_an_earlier_version_gets_digests_and_no_return() -> None:
    earlier = {BASE.name: replace(expected(BASE), digests={})}
    (sent,) = transactions(plan(BASE), earlier)
    assert sent.returned == ()
    assert "flush chain inet flow_offload forward" in sent.text.splitlines()
    assert sent.text.count("element") == 1  # the map's indexes are not known, so it gets its elements anew


def test_a_wider_family_returns_nothing() -> None:
    narrow = replace(BASE, elements=(GUEST, replace(LAN, policy=V4)))
    (sent,) = transactions(plan(BASE), held(narrow))
    assert sent.returned == ()
    assert "delete chain inet flow_offload policy_0_ipv4" in sent.text


def test_a_large_map_is_compared_in_one_go() -> None:
    """Each key is looked up: to search the whole map for each took ten seconds with a hundred networks in a zone."""
    names = [f"eth0.{number}" for number in range(100)]
    every = tuple(Element(iif, oif, ALL, ("rooms", "rooms")) for iif in names for oif in names)
    large = replace(BASE, elements=(*BASE.elements, *every))
    wanted = Plan(tables=(large,), present=PRESENT | set(names))
    live = held(replace(large, elements=large.elements[1:]))
    began = time.process_time()
    (sent,) = transactions(wanted, live)
    assert sent.returned == ()
    assert time.process_time() - began < 3  # 0.1 s


def test_another_family_returns() -> None:
    narrow = replace(BASE, elements=(GUEST, replace(LAN, policy=V4)))
    other = replace(BASE, elements=(GUEST, replace(LAN, policy=V6)))
    (sent,) = transactions(plan(other), held(narrow))
    assert sent.returned == ("flow_offload",)


def test_nothing_to_do_sends_nothing() -> None:
    assert transactions(plan(BASE, HARDWARE), held(BASE, HARDWARE)) == []
    assert transactions(plan(), {}) == []


def test_the_first_table_returns_nothing() -> None:
    (sent,) = transactions(plan(BASE), {})
    assert sent.text.endswith(render_table(BASE))
    assert sent.returned == ()


def test_a_table_without_pairs_is_deleted() -> None:
    (sent,) = transactions(plan(), held(BASE))
    assert sent.text == "table inet flow_offload\ndelete table inet flow_offload\n"
    assert sent.returned == ("flow_offload",)


def test_a_hardware_table_is_replaced_in_two_transactions() -> None:
    """The kernel refuses it in one (docs/kernel.md 10)."""
    first, second = transactions(plan(BASE, replace(HARDWARE, elements=(LAN,))), held(BASE, HARDWARE))
    assert first.text == "table inet flow_offload_hw\ndelete table inet flow_offload_hw\n"
    assert "delete table" not in second.text
    assert (first.returned, second.returned) == (("flow_offload_hw",), ())


def test_software_comes_first_and_by_itself() -> None:
    """If the kernel refuses the hardware table, the software table is in place all the same."""
    software, hardware = transactions(plan(BASE, HARDWARE), {})
    assert software.text.endswith(render_table(BASE)) and "flow_offload_hw" not in software.text
    assert hardware.text == render_table(HARDWARE)
    narrower = replace(BASE, elements=(LAN,))
    changed = transactions(plan(narrower), held(BASE, HARDWARE))
    assert [each.returned for each in changed] == [("flow_offload",), ("flow_offload_hw",)]


def test_a_device_more_for_hardware_repeats_its_flag() -> None:
    (sent,) = transactions(plan(replace(HARDWARE, devices=(*HARDWARE.devices, "lan1"))), held(HARDWARE))
    assert 'devices = { "lan1" }; flags offload; counter; }' in sent.text
    assert sent.returned == ()


def test_forced_is_returned_though_nothing_changed() -> None:
    (sent,) = transactions(plan(BASE), held(BASE), forced=["flow_offload"])
    assert sent.returned == ("flow_offload",)


def test_devices_the_kernel_dropped_are_added_again() -> None:
    now = expected(BASE)
    (sent,) = transactions(plan(BASE), {BASE.name: replace(now, devices=now.devices - {"wan"})})
    assert 'devices = { "wan" };' in sent.text
    assert sent.returned == ()


@pytest.mark.parametrize("chain", ["forward", "exempt", "policy_0"])
def test_a_rule_of_another_program_goes(chain: str) -> None:
    now = expected(BASE)
    (sent,) = transactions(plan(BASE), {BASE.name: replace(now, rules={**now.rules, chain: (*now.rules[chain], "")})})
    assert sent.returned == (("flow_offload",) if chain == "forward" else ())
    assert f"flush chain inet flow_offload {chain}" in sent.text or chain == "forward"


def test_a_table_is_compiled_once_for_its_plan_and_not_again_while_it_is_the_same() -> None:
    first = with_nft(Plan((BASE, HARDWARE)), Plan())
    again = with_nft(Plan((replace(BASE, late=True), HARDWARE)), first)
    assert all(compiled(table) is compiled(table) for table in first.tables)
    changed, same = again.tables
    assert compiled(same) is compiled(first.tables[1])
    assert compiled(changed) == compiled(replace(BASE, late=True)) != compiled(BASE)


def test_a_table_that_was_changed_after_it_was_compiled_is_compiled_as_it_is() -> None:
    (table,) = with_nft(Plan((BASE,)), Plan()).tables
    for changes in ({"devices": ("wan",)}, {"stations": {"stations": ('"br-lan" . 02:00:00:00:00:01',)}}):
        assert compiled(replace(table, **changes)) == compiled(replace(BASE, **changes)) != compiled(BASE)


DECIDED = (
    DeviceDecision("br-guest", ("guest",), (), False, ()),
    DeviceDecision("br-lan", ("lan",), ("sw",), False, ()),
    DeviceDecision("wan", ("wan",), ("sw",), False, ()),
)
WITHOUT_GUEST = replace(BASE, devices=("br-lan", "wan"), elements=(LAN,))


@pytest.mark.parametrize("busy", [True, False])
def test_a_pair_that_goes_returns_its_table_only_while_it_has_offloaded_flows(busy: bool) -> None:
    asked: list[Lost] = []

    def answer(found: Lost) -> bool:
        asked.append(found)
        return busy

    wanted = replace(plan(WITHOUT_GUEST), devices=DECIDED)
    (sent,) = transactions(wanted, held(BASE), busy=answer)
    assert asked == [Lost(frozenset({("br-guest", "wan")}))]
    assert sent.returned == (("flow_offload",) if busy else ())
    if not busy:
        assert (sent.table, sent.lost) == ("flow_offload", asked[0])
        only = f'{ADD} crossings {{ "br-lan" . "wan" : goto policy_0, "wan" . "br-lan" : goto replies }}'
        assert only in sent.text.splitlines()
        gone = 'delete flowtable inet flow_offload sw { hook ingress priority filter; devices = { "br-guest" }; }'
        assert gone in sent.text.splitlines()


@pytest.mark.parametrize(
    ("after", "before"),
    [
        (replace(WITHOUT_GUEST, devices=("wan",)), BASE),  # a device of a pair that stays
        (replace(HARDWARE, devices=("br-lan", "wan"), elements=(LAN,)), HARDWARE),  # the kernel may refuse that one
    ],
    ids=["device", "hardware"],
)
def test_what_concerns_other_pairs_returns_whatever_flows_there_are(after: Table, before: Table) -> None:
    wanted = replace(plan(after), devices=DECIDED)
    sent = transactions(wanted, held(before), busy=lambda _: False)
    assert sent[0].returned == (before.name,)


def test_a_device_leaves_without_a_return_only_where_nft_can_delete_it() -> None:
    behind = replace(BASE, behind=True)
    fewer = replace(WITHOUT_GUEST, behind=True)
    wanted = replace(plan(fewer), devices=DECIDED)
    (sent,) = transactions(wanted, held(behind), busy=lambda _: False)
    assert sent.returned == (BASE.name,)
    assert "hook ingress priority filter + 2147483646\n" in sent.text


def test_a_flowtable_of_another_priority_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade: nft refuses to add a device to it by the new one."""
    table = replace(BASE, behind=True)
    with monkeypatch.context() as earlier:
        earlier.setattr(chains, "BEHIND_PRIORITY", 1000)
        before = held(table)
    (sent,) = transactions(plan(table), before)
    assert sent.returned == (BASE.name,)
    assert "hook ingress priority filter + 2147483646\n" in sent.text


@pytest.mark.parametrize("later", [True, False])
def test_a_flowtable_gets_its_place_behind_chains_by_a_return(*, later: bool) -> None:
    (sent,) = transactions(plan(replace(BASE, behind=later)), held(replace(BASE, behind=not later)))
    assert sent.returned == (BASE.name,)


def test_nothing_is_asked_where_no_pair_goes() -> None:
    more = replace(BASE, elements=(*BASE.elements, Element("wan", "br-lan", ALL, ("wan", "lan"))))
    (sent,) = transactions(plan(more), held(BASE), busy=lambda _: pytest.fail("asked"))
    assert not sent.lost


SHAPE = exempt("10.0.0.1", proto=("udp",))
WIDER = exempt("10.0.0.0/8")
TIMED = replace(PHONE, timed_exempt=TimedExempt(1, PHONE.exempt, 60, 50))
AGAIN = replace(PHONE, timed_exempt=TimedExempt(2, PHONE.exempt, 90, 90))


@pytest.mark.parametrize(
    ("before", "more", "lines"),
    [
        ((CONSOLE, NET), PHONE, (f"{ADD} exempt_ip4_saddr_ddef59 {{ 10.0.0.2 }}",)),
        (
            (CONSOLE, NET),
            WIDER,
            (
                f"{DELETE} exempt_ip4_saddr_ddef59_r1 {{ 10.1.0.0/16 }}",
                f"{ADD} exempt_ip4_saddr_ddef59_r1 {{ 10.0.0.0/8 }}",
            ),
        ),
        (
            (CONSOLE, NET),
            TIMED,
            (
                "add set inet flow_offload exempt_ip4_saddr_ddef59_t { type ipv4_addr; flags timeout; }",
                f'{ADD} exempt_ip4_saddr_ddef59_t {{ 10.0.0.2 timeout 60s expires 50s comment "1 * * -1 0x0/0x0" }}',
            ),
        ),
        (
            (CONSOLE, NET, TIMED),
            AGAIN,
            (
                f'{DELETE} exempt_ip4_saddr_ddef59_t {{ 10.0.0.2 comment "1 * * -1 0x0/0x0" }}',
                f'{ADD} exempt_ip4_saddr_ddef59_t {{ 10.0.0.2 timeout 90s expires 90s comment "2 * * -1 0x0/0x0" }}',
            ),
        ),
        ((), SHAPE, ("flush chain inet flow_offload policy_0", "flush chain inet flow_offload exempt")),
    ],
    ids=["element", "range", "timed", "timed again", "first"],
)
def test_an_exempt_that_no_flow_matches_returns_nothing(
    before: tuple[ExemptMatch, ...], more: ExemptMatch, lines: tuple[str, ...]
) -> None:
    after = replace(BASE, exempts=(*(each for each in before if each is not TIMED or more is not AGAIN), more))
    (sent,) = transactions(plan(after), held(replace(BASE, exempts=before)), busy=lambda _: False)
    assert (sent.returned, sent.table, sent.lost.crossings) == ((), BASE.name, frozenset())
    assert more in sent.lost.exempts
    assert set(lines) <= set(sent.text.splitlines()), sent.text


MAC = ExemptMatch(exempt_of("mac", "@exempt[1]", src_mac=("02:00:00:00:00:01",)))
CLASS = ExemptMatch(exempt_of("class", "@exempt[2]", dscp=46))
MARKED = ExemptMatch(exempt_of("marked", "@exempt[3]"), ("br-lan",), connmark=True)
EVERY = (CONSOLE, PHONE, NET, SHAPE, MAC, CLASS, MARKED, TIMED)


@pytest.mark.parametrize("number", range(len(EVERY)))
def test_new_exempts_are_those_that_the_kernel_lacks(number: int) -> None:
    before = tuple(each for each in EVERY if each is not EVERY[number])
    found = lost(replace(BASE, exempts=EVERY), expected(replace(BASE, exempts=before)), plan(BASE))
    assert found == Lost(exempts=(EVERY[number],))


def test_an_exempt_whose_rule_another_program_removed_is_new() -> None:
    table = replace(BASE, exempts=EVERY)
    now = expected(table)
    assert not lost(table, now, plan(table))
    without = replace(now, rules={**now.rules, "exempt": ()})
    assert set(lost(table, without, plan(table)).exempts) == set(EVERY)
