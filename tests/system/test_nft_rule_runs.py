"""Plain rules that become one decide as each of them does alone, about all that the whole ruleset says.

Of plain rules only the devices count, and only where a named set decides: so what is parsed alone is widened first.
"""

import sys
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from offload.compiler.offload.foreign_rules import deciding, mark_readers, packet_rules
from offload.model.kernel.live_rule import EVERY_PACKET, LiveChain, LiveRule, RuleMatch
from offload.nouns import replace
from offload.system.netlink.wire import Attributes, attribute
from offload.system.nft.nfnetlink import rule_runs
from offload.system.nft.nfnetlink.plain_rules import plain
from offload.system.nft.nfnetlink.rule_runs import live_rules
from offload.system.nft.nfnetlink.rules import live_rule
from strategies import gate
from system.test_nft_plain_rules import (
    GOTO,
    JUMP,
    RETURN,
    commented,
    comparing,
    counter,
    expression,
    expressions,
    meta,
    payload,
    verdict,
)

Dumped = tuple[int, Attributes]
CHAINS = tuple(
    LiveChain(family, "t", *chain) for family in ("inet", "ip", "ip6") for chain in (("forward", "forward"), ("other",))
)


@pytest.fixture(autouse=True)
def _from_the_first_rule_on() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_runs, "MANY", 0)
        yield


def _looks_up(name: str) -> bytes:
    return expression("lookup", (1, name.encode() + b"\0"), (2, 1), (5, 0))


def _equal(load: bytes, value: bytes) -> bytes:
    return load + comparing("cmp", 0, value)


# conditions, as nft writes them
DEVICES = {(key, name): _equal(meta(key), name.encode().ljust(16, b"\0")) for key in (6, 7) for name in ("lan", "wan")}
TCP, UDP, ICMP = (_equal(meta(16), each) for each in (b"\6", b"\x11", b"\1"))
STATE = attribute(1, (2).to_bytes(4, sys.byteorder))  # the bit of established ones
IPV4 = _equal(meta(15), b"\2")
FROM = _equal(payload(1, 12, 4), b"\x0a\0\0\1")
BY_SET = {name: payload(1, 12, 4) + _looks_up(name) for name in ("allowed", "banned", "__set0", "__map12")}
SEVERAL = meta(6) + _looks_up("__set1")  # of devices: then the rule is not plain
CONNECTION_MARK = _equal(expression("ct", (1, 1), (2, 3)), b"\0\0\0\1")
ESTABLISHED = (
    expression("ct", (1, 1), (2, 0))
    + expression("bitwise", (1, 1), (2, 1), (3, 4), (6, 0), (4, STATE), (5, attribute(1, bytes(4))))
    + comparing("cmp", 1, bytes(4))
)
MARK = _equal(meta(3), b"\1\0\0\0")
ACCEPT, DROP, RETURNS, OTHER = verdict(1), verdict(0), verdict(RETURN), verdict(JUMP, "other")
REJECT = expression("reject", (1, 0), (2, b"\3"))
LIMIT = expression("limit", (1, bytes(8)))
SETS_MARK = expression("meta", (2, 3), (3, 1))

some = st.sampled_from
conditions = st.lists(
    st.one_of(
        some([BY_SET["allowed"], BY_SET["banned"]]),
        some([BY_SET["allowed"], FROM, *DEVICES.values()]),
        some([*DEVICES.values(), TCP, UDP, ICMP, IPV4, *BY_SET.values()]),
        some([SEVERAL, CONNECTION_MARK, ESTABLISHED, MARK]),
    ),
    max_size=3,
).map(b"".join)
ends = some([ACCEPT, ACCEPT, ACCEPT, RETURNS, DROP, DROP, REJECT, OTHER, verdict(GOTO, "other"), b"", LIMIT, SETS_MARK])
usual = st.tuples(conditions, some([b"", counter(3)]), ends).map(b"".join)


def rulesets(held: st.SearchStrategy[bytes], families: tuple[int, ...]) -> st.SearchStrategy[list[Dumped]]:
    """Dumps in which few chains have several rules."""
    dumped = st.builds(
        lambda family, chain, held, about: (family, {1: b"t\0", 2: chain, 4: held} | about),
        some(families),
        some([b"forward\0", b"forward\0", b"other\0"]),
        held,
        some(["", "", "", "!fw4: Bans", "bans"]).map(commented),
    )
    return st.lists(dumped, min_size=2, max_size=12)


def widened(family: int, found: Attributes) -> LiveRule | None:
    """A rule that is parsed alone, with no more of its conditions than a plain rule among others keeps."""
    rule = live_rule(family, found)
    if not rule or not plain(found[4]):
        return rule
    if rule.does and not all(name.startswith("__") for name in rule.sets):
        assert not rule.ip_only, "packets that are offloaded do not match it"
        return replace(rule, match=RuleMatch(rule.match.iif, rule.match.oif))
    return replace(rule, match=EVERY_PACKET, ip_only=False)


def alone(found: Iterable[Dumped], parse: Callable[[int, Attributes], LiveRule | None]) -> list[LiveRule]:
    return list(filter(None, (parse(*each) for each in found)))


Decisions = tuple[tuple[object, ...], frozenset[object], frozenset[tuple[str, str]], frozenset[int]]


def decisions(found: Iterable[LiveRule], *, drops: bool) -> Decisions:
    held, chains = tuple(found), [replace(each, drops=drops and bool(each.hook)) for each in CHAINS]
    about = deciding(chains, held, ())
    # to reject is to drop, for all that depends on it
    readers = frozenset(
        replace(each, does="drop" if each.does == "reject" else each.does) for each in mark_readers(chains, held, ())
    )
    return packet_rules(chains, held, ()), readers, about.sets, about.edges


def check(found: list[Dumped], *, drops: bool) -> None:
    together = decisions(live_rules(found), drops=drops)
    assert together == decisions(alone(found, widened), drops=drops)
    # Nothing that a rule alone needs is missing, also where its conditions are told apart.
    rules, readers, sets, edges = decisions(alone(found, live_rule), drops=drops)
    assert set(rules) <= set(together[0]) and sets <= together[2]
    assert (readers, edges) == (together[1], together[3])
    event(f"{sum(plain(each[4]) is not None for _, each in found)} plain rules of {len(found)}")
    event(f"{sum(getattr(each, 'does', '') == 'ban' for each in together[0])} bans, {len(sets)} sets")


@given(rulesets(expressions, (1, 2, 10, 3)), st.booleans())
def test_any_expressions_decide_as_each_rule_alone(found: list[Dumped], drops: bool) -> None:
    check(found, drops=drops)


@settings(gate)
@given(rulesets(usual, (1, 1, 1, 2)), st.booleans())
def test_usual_rules_decide_as_each_rule_alone(found: list[Dumped], drops: bool) -> None:
    check(found, drops=drops)


def forward(*held: bytes) -> list[Dumped]:
    return [(1, {1: b"t\0", 2: b"forward\0", 4: each}) for each in held]


ALLOWED, BANNED = BY_SET["allowed"] + ACCEPT, BY_SET["banned"] + DROP


@pytest.mark.parametrize(
    ("held", "sets"),
    [
        ([ALLOWED], set()),
        ([ALLOWED, FROM + DROP], {"allowed"}),
        ([FROM + DROP, ALLOWED], set()),
        ([FROM + DROP, ALLOWED, FROM + DROP], {"allowed"}),
        ([ALLOWED, FROM + ACCEPT], set()),
        ([ALLOWED, BANNED], {"allowed", "banned"}),
        ([BANNED, ALLOWED], {"banned"}),
        ([BANNED, ALLOWED, REJECT], {"allowed", "banned"}),
        ([BY_SET["allowed"] + RETURNS, BY_SET["banned"] + ACCEPT, DROP], {"allowed", "banned"}),
        ([BY_SET["allowed"] + counter(1), DROP], set()),
        ([ALLOWED, BY_SET["__set0"] + DROP], {"allowed", "__set0"}),
        ([BY_SET["__set0"] + ACCEPT, DROP], set()),
        ([DEVICES[6, "lan"] + ALLOWED, DEVICES[6, "wan"] + BANNED], {"banned"}),
        ([DEVICES[6, "wan"] + ALLOWED, DEVICES[6, "wan"] + BANNED], {"allowed", "banned"}),
        ([ALLOWED, ESTABLISHED + ACCEPT, DROP], set()),
        ([ICMP + ALLOWED, DROP], set()),
    ],
)
def test_only_sets_that_decide_whether_a_packet_is_dropped_count(held: list[bytes], sets: set[str]) -> None:
    for each in (live_rules(forward(*held)), alone(forward(*held), live_rule)):
        rules, _, found, _ = decisions(each, drops=False)
        assert {name for _, name in found} == sets
        assert bool(rules) == any(not name.startswith("__") for name in sets)


def test_rules_that_decide_by_sets_share_one_with_those_of_their_devices_that_do_the_same() -> None:
    wan = DEVICES[6, "wan"]
    held = [ALLOWED, TCP + BY_SET["banned"] + RETURNS, wan + ALLOWED, wan + ALLOWED, wan + BANNED, FROM + DROP, ACCEPT]
    assert [(each.does, each.sets, each.match.iif) for each in live_rules(forward(*held))] == [
        (("accept", "return"), ("allowed", "banned"), ""),
        (("accept",), ("allowed",), "wan"),
        (("drop",), ("banned",), "wan"),
        (("drop", "accept"), (), ""),
    ]


def test_rules_of_the_configuration_are_not_joined_with_others() -> None:
    configured = [(family, each | commented("!fw4: Allowed")) for family, each in forward(ALLOWED)]
    found = list(live_rules([*forward(ALLOWED), *configured, *forward(DROP)]))
    assert [bool(each.comment) for each in found] == [False, True, False]
    assert len(packet_rules(CHAINS, found, ())) == 1
    assert deciding(CHAINS, configured_only := found[1:], ()).sets == {("t", "allowed")}
    assert packet_rules(CHAINS, configured_only, ()) == ()


def test_few_rules_are_parsed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_runs, "MANY", 3)
    few, many = forward(ALLOWED, ALLOWED), forward(ALLOWED, ALLOWED, ALLOWED)
    assert len(list(live_rules(few))) == 2
    assert len(list(live_rules(many))) == 1
