"""nf_tables over nfnetlink: requests, the kernel's replies, and replies that are no valid messages."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.kernel.live import marks
from offload.model.network import ForwardChain
from offload.system.netlink.wire import messages as split
from offload.system.nft.nfnetlink import messages
from offload.system.nft.nfnetlink.messages import CHAINS, FLOWTABLES, RULES, TABLES, objects, request

INET, IP, BRIDGE = 1, 2, 7
NEW_TABLE, NEW_CHAIN, NEW_RULE, NEW_FLOWTABLE = 0xA00, 0xA03, 0xA06, 0xA16


def message(kind: int, body: bytes, flags: int = 2) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body + bytes(-len(body) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def table(name: str, family: int = INET) -> bytes:
    return message(NEW_TABLE, bytes([family, 0, 0, 0]) + text(1, name))


def chain(hook: int, priority: int, family: int = INET) -> bytes:
    hooked = attribute(1, struct.pack(">I", hook)) + attribute(2, struct.pack(">i", priority))
    body = text(1, "banip") + text(3, "wanin") + attribute(4, hooked)
    return message(NEW_CHAIN, bytes([family, 0, 0, 0]) + body)


def test_a_request_is_a_dump_of_one_family_or_one_table() -> None:
    assert request(TABLES, INET) == struct.pack("=IHHII", 20, 0xA01, 0x301, 1, 0) + bytes([INET, 0, 0, 0])
    named = struct.pack("=IHHII", 28, 0xA07, 0x301, 1, 0) + bytes([INET, 0, 0, 0]) + text(1, "fw4")
    assert request(RULES, INET, "fw4") == named


def test_objects_of_a_kind_have_a_family() -> None:
    found = objects(split(table("fw4") + chain(2, 10) + table("filter", IP)), TABLES)
    assert [(family, messages.name(each, 1)) for family, each in found] == [(INET, "fw4"), (IP, "filter")]


@pytest.mark.parametrize(
    ("hook", "priority", "family", "found"),
    [
        (2, 10, INET, ForwardChain("inet", "banip", "wanin", 10)),
        (2, -150, IP, ForwardChain("ip", "banip", "wanin", -150)),
        (1, 10, INET, None),
        (2, 10, BRIDGE, None),
    ],
)
def test_base_chains_on_the_forward_hook(hook: int, priority: int, family: int, found: ForwardChain | None) -> None:
    ((number, attributes),) = objects(split(chain(hook, priority, family)), CHAINS)
    assert messages.forward_chain(number, attributes) == found


def test_a_flowtable_lists_its_devices_and_whether_it_counts() -> None:
    devices = attribute(3, text(1, "br-lan") + text(1, "wan"))
    for flags, counts in ((0, False), (1, False), (2, True), (3, True)):
        body = text(1, "t") + text(2, "sw") + attribute(3, devices) + attribute(7, struct.pack(">I", flags))
        ((_, found),) = objects(split(message(NEW_FLOWTABLE, bytes([INET, 0, 0, 0]) + body)), FLOWTABLES)
        assert (messages.devices(found), messages.counts(found)) == (frozenset({"br-lan", "wan"}), counts)


def test_a_rule_shows_its_comment_and_its_counter() -> None:
    counter = text(1, "counter") + attribute(2, attribute(1, bytes(8)) + attribute(2, struct.pack(">Q", 70000)))
    expressions = attribute(4, attribute(1, text(1, "ct")) + attribute(1, counter))
    userdata = attribute(7, bytes([0, 5]) + b"mine\0")
    body = text(1, "t") + text(2, "forward") + expressions + userdata
    ((_, found),) = objects(split(message(NEW_RULE, bytes([INET, 0, 0, 0]) + body)), RULES)
    assert (messages.comment(found), messages.counted(found)) == ("mine", 70000)


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("offload 0123456789ab", ("0123456789ab", {}, False)),
        ("offload 0123456789ab pairs=ba9876543210", ("0123456789ab", {"pairs": "ba9876543210"}, False)),
        ("offload 0123456789ab missed", ("0123456789ab", {}, True)),
        ("offload 12ab", ("", {}, False)),
        ("!fw4: Allow-Ping", ("", {}, False)),
        ("", ("", {}, False)),
    ],
)
def test_the_comment_of_a_rule(comment: str, found: tuple[str, dict[str, str], bool]) -> None:
    assert marks(comment) == found


@given(st.binary(max_size=200))
def test_nothing_that_comes_breaks_it(datagram: bytes) -> None:
    for kind in (TABLES, CHAINS, RULES, FLOWTABLES):
        for family, found in objects(split(datagram), kind):
            messages.forward_chain(family, found)
            messages.devices(found), messages.counts(found), messages.comment(found), messages.counted(found)


@given(st.dictionaries(st.integers(0, 8), st.binary(max_size=60)))
def test_no_attribute_breaks_it(found: dict[int, bytes]) -> None:
    messages.forward_chain(INET, found)
    messages.devices(found), messages.counts(found), messages.comment(found), messages.counted(found)


names = st.text("abc-_", min_size=1, max_size=9)
position = st.sampled_from([b"", attribute(6, bytes(7) + b"\4")])


@given(names, names, position, st.binary(max_size=40), st.binary(max_size=9), st.integers(-24, 4))
def test_a_rule_is_read_as_any_object(
    table: str, chain: str, position: bytes, expressions: bytes, userdata: bytes, cut: int
) -> None:
    head = text(1, table) + text(2, chain) + attribute(3, bytes(7) + b"\5") + position
    held = head + attribute(4, expressions) + (attribute(7, userdata) if userdata else b"")
    body = bytes([INET, 0, 0, 0]) + (held[:cut] if cut < 0 else held + bytes(cut))
    for whole in (body, body.replace(attribute(3, bytes(7) + b"\5"), b"")):
        given = [(NEW_RULE, whole), (NEW_TABLE, whole), (NEW_RULE, b"\1")]
        ((family, found),) = messages.rules(given)
        ((_, all_of_it),) = objects(given, RULES)
        assert family == INET
        assert found | all_of_it == all_of_it
        assert all_of_it.keys() - found.keys() <= {3, 6}
