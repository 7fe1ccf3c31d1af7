"""Decisions by plain rules read together are those by the same rules read one by one."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.compiler.offload.foreign_rules import deciding, packet_rules, treatment
from offload.model.kernel.live_rule import EVERY_PACKET, LiveChain, RuleMatch
from offload.system.netlink.wire import Attributes, attribute
from offload.system.nft.nfnetlink import rule_runs
from offload.system.nft.nfnetlink.plain_rules import plain
from offload.system.nft.nfnetlink.rule_runs import live_rules
from offload.system.nft.nfnetlink.rules import live_rule


@pytest.fixture(autouse=True)
def _from_the_first_rule_on() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule_runs, "MANY", 0)
        yield


CHAINS = tuple(
    LiveChain(family, "t", *chain) for family in ("inet", "ip", "ip6") for chain in (("forward", "forward"), ("other",))
)
RETURN, GOTO, JUMP = 0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFD

Part = tuple[int, bytes | int]


def expression(name: str, *parts: Part) -> bytes:
    """As the kernel writes it."""
    data = b"".join(attribute(kind, _bytes(value)) for kind, value in parts)
    return attribute(1, attribute(1, name.encode() + b"\0") + attribute(2, data))


def _bytes(value: bytes | int) -> bytes:
    return value.to_bytes(4, "big") if isinstance(value, int) else value


def verdict(code: int, target: str = "") -> bytes:
    held = attribute(1, _bytes(code)) + (attribute(2, target.encode() + b"\0") if target else b"")
    return expression("immediate", (1, 0), (2, attribute(2, held)))


def counter(packets: int, padding: int = 0) -> bytes:
    """`padding`: that of machines which align numbers of eight bytes."""
    empty: list[Part] = [(3, b"")]
    numbers = [(1, packets.to_bytes(8, "big")), (2, packets.to_bytes(8, "big"))]
    return expression("counter", *empty[: padding > 1], numbers[0], *empty[: padding > 0], numbers[1])


def meta(key: int) -> bytes:
    return expression("meta", (2, key), (1, 1))


def payload(base: int, offset: int, length: int) -> bytes:
    return expression("payload", (1, 1), (2, base), (3, offset), (4, length))


def comparing(name: str, operation: int, *values: bytes) -> bytes:
    data = [(kind, attribute(1, value)) for kind, value in enumerate(values, 3)]
    return expression(name, (1, 1), (2, operation), *data)


def masking(mask: bytes) -> bytes:
    held = attribute(1, mask)
    return expression("bitwise", (1, 1), (2, 1), (3, len(mask)), (6, 0), (4, held), (5, held))


value = st.sampled_from(
    [b"\2", b"\x11", b"\x0a", b"\6", b"\1", bytes(4), b"\0\0\0\2", b"wan".ljust(16, b"\0"), b"lan\0", bytes(17)]
)
loads = st.one_of(
    st.integers(0, 33).map(meta),
    st.sampled_from([0, 3, 6, 7, 15, 16, 16, 30, 31, 32]).map(meta),
    st.builds(payload, st.integers(0, 2), st.integers(0, 25), st.sampled_from([1, 2, 4, 16])),
    st.builds(payload, st.just(1), st.sampled_from([0, 1, 2, 4, 7, 8]), st.sampled_from([1, 2])),
    st.builds(payload, st.just(2), st.sampled_from([0, 2, 12, 13]), st.sampled_from([1, 2])),
    st.sampled_from([0, 3, 14]).map(lambda key: expression("ct", (1, 1), (2, key))),
)
comparisons = st.one_of(
    st.builds(comparing, st.just("cmp"), st.integers(0, 5), value),
    st.builds(comparing, st.just("range"), st.integers(0, 1), value, value),
    st.builds(masking, value),
    st.sampled_from([b"__set0\0", b"__map12\0", b"__set65535\0", b"bans\0"]).map(
        lambda name: expression("lookup", (1, name), (2, 1), (5, 0))
    ),
)
matches = st.lists(st.builds(bytes.__add__, loads, comparisons), max_size=2).map(b"".join)
family = comparing("cmp", 0, b"\2")
endings = st.sampled_from(
    [
        b"",
        *map(verdict, (0, 0, 1, RETURN, 0xFFFFFFFE)),
        verdict(JUMP, "other"),
        verdict(JUMP, "other"),
        expression("reject", (1, 0), (2, b"\3")),
        expression("reject", (1, 1)),
        expression("limit", (1, bytes(8))),
        expression("meta", (2, 3), (3, 1)),
    ]
)
counters = st.just(b"") | st.builds(counter, st.integers(0, 9), st.integers(0, 2))


def commented(text: str) -> Attributes:
    """The attribute for a rule's comment, as libnftnl writes it."""
    return {7: bytes((0, len(text) + 1)) + text.encode() + b"\0"} if text else {}


expressions = st.tuples(st.sampled_from([b"", meta(15) + family]), matches, counters, endings).map(b"".join)


@given(st.sampled_from([1, 2, 10]), st.lists(expressions, min_size=10, max_size=20))
def test_a_plain_rule_only_decides(family: int, found: list[bytes]) -> None:
    for each in filter(plain, found):
        rule = live_rule(family, {4: each})
        assert rule is not None
        assert not treatment(rule) and set(rule.does) <= {"drop", "reject", "accept", "return"}
        assert not rule.targets and rule.mark is None and not rule.matches
        (read,) = live_rules([(family, {4: each})])
        assert read.does == tuple("drop" if verdict == "reject" else verdict for verdict in rule.does)
        named = any(not name.startswith("__") for name in rule.sets)
        decides = rule.does and (named or read.does == ("drop",))
        assert read.sets == (tuple(dict.fromkeys(rule.sets)) if decides else ())


def looking_up(name: bytes, *more: Part) -> bytes:
    return payload(1, 12, 4) + expression("lookup", (1, name), (2, 1), *more, (5, 0))


TCP, ICMP, WAN = (comparing("cmp", 0, each) for each in (b"\6", b"\1", b"wan".ljust(16, b"\0")))


@pytest.mark.parametrize("name", [b"a\0", b"abc\0", b"dom4\0", b"a.name_of-31-bytes.............\0"])
def test_a_rule_that_looks_up_a_named_set_is_plain(name: bytes) -> None:
    held = looking_up(name)
    ends = (verdict(0), verdict(1), verdict(RETURN), expression("reject", (1, 1)))
    for more in (b"", counter(1), *ends, *(counter(1) + each for each in ends)):
        assert plain(held + more) and plain(meta(6) + WAN + meta(16) + TCP + held + more)
    for end in ends:
        assert not plain(meta(16) + ICMP + held + end), "packets that are offloaded do not match it"
        assert not plain(meta(6) + held + end), "the device is compared in another way"
    assert not plain(held + verdict(JUMP, "other"))
    assert not plain(looking_up(name, (3, 0)) + counter(1)), "a map of verdicts"


def test_bans_have_their_devices() -> None:
    """And those of /etc/config/firewall, which the connections of its zones are decided by, are no bans."""
    ban = looking_up(b"bans\0") + verdict(0)
    dumped = [
        (1, {1: b"t\0", 2: b"forward\0", 4: given} | commented(text))
        for given, text in ((meta(7) + WAN + ban, ""), (ban, "!fw4: Bans"), (meta(6) + WAN + ban, "mine"), (ban, ""))
    ]
    found = packet_rules(CHAINS, live_rules(dumped), ())
    assert [(each.does, each.match) for each in found] == [
        ("ban", RuleMatch(oif="wan")),
        ("ban", RuleMatch(iif="wan")),
        ("ban", EVERY_PACKET),
    ]


def digest(found: list[bytes]) -> int:
    dumped = [(1, {1: b"t\0", 2: b"forward\0", 4: each}) for each in found]
    return deciding(CHAINS, live_rules(dumped), ()).digest


@given(st.lists(expressions, min_size=1, max_size=5), st.data())
def test_another_rule_has_another_digest(found: list[bytes], data: st.DataObject) -> None:
    plain_ones = [each for each in found if plain(each)]
    other = data.draw(expressions.filter(lambda each: each and plain(each)))
    changed = [*plain_ones, other]
    assert digest(changed) != digest(plain_ones)
    assert digest(changed) == digest(list(changed))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2), st.sampled_from([b"", verdict(0), verdict(1)]))
def test_packets_of_a_counter_change_no_digest(packets: int, padding: int, end: bytes) -> None:
    held = expression("meta", (2, 6), (1, 1)) + counter(packets, padding) + end
    assert plain(held)
    assert digest([held]) == digest([held.replace(counter(packets, padding), counter(0, padding))])
