"""Make requests for dumps of nf_tables over nfnetlink, and parse the objects in the replies. Pure, no socket.

Numbers and attributes: include/uapi/linux/netfilter/nf_tables.h. Integers in attributes are in network byte order.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from functools import cache

from offload.model.network import ForwardChain
from offload.system.netlink.wire import (
    NFGENMSG,
    NFTABLES,
    NLATTR,
    Attributes,
    Message,
    attribute,
    attributes,
    device_name,
    each,
    message,
    text,
)

FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}  # include/uapi/linux/netfilter.h, those that have a forward hook for IP
NFPROTO_UNSPEC, NFPROTO_INET = 0, 1
NF_INET_FORWARD = 2

# The kinds of objects: the type of the message that requests a dump, and of the messages in the reply.
TABLES, CHAINS, RULES, SETS, FLOWTABLES = (1, 0), (4, 3), (7, 6), (10, 9), (23, 22)
NEW_RULE = NFTABLES << 8 | RULES[1]

TABLE = 1  # in messages about a table its name, in others the name of their table
TABLE_HANDLE = 4
CHAIN_NAME, CHAIN_HOOK, HOOK_NUMBER, HOOK_PRIORITY, HOOK_DEVICE, CHAIN_DEVICES = 3, 4, 1, 2, 3, 4
RULE_CHAIN, RULE_HANDLE, RULE_EXPRESSIONS, RULE_POSITION, RULE_USERDATA = 2, 3, 4, 6, 7
EXPRESSION_NAME, EXPRESSION_DATA, COUNTER_PACKETS = 1, 2, 2
SET_NAME, SET_FLAGS, SET_OBJECTS = 2, 3, 15
NFT_SET_ANONYMOUS, NFT_SET_MAP, NFT_SET_EVAL = 0x1, 0x8, 0x20
FLOWTABLE_HOOK, FLOWTABLE_FLAGS, HOOK_DEVICES = 3, 7, 3
NFT_FLOWTABLE_COUNTER = 0x2
USERDATA_COMMENT = 0  # NFTNL_UDATA_RULE_COMMENT in libnftnl's udata.h: type and length in a byte each, then the text

BYTE, NUMBER, SIGNED, LONG = struct.Struct(">B"), struct.Struct(">I"), struct.Struct(">i"), struct.Struct(">Q")
SHORT = struct.Struct("=H")  # in headers of attributes, in the machine's byte order


def request(kind: tuple[int, int], family: int, table: str = "") -> bytes:
    """The request for a dump of all objects of a kind (TABLES, RULES, ...) of a family (its number).

    With `table` it is for the objects of the table with this name, but some kernels list those of other tables too.
    """
    named = attribute(TABLE, table.encode() + b"\0") if table else b""
    return message(NFTABLES << 8 | kind[0], NFGENMSG.pack(family, 0, 0) + named)


def objects(found: Iterable[Message], kind: tuple[int, int]) -> Iterator[tuple[int, Attributes]]:
    """The objects of a kind (TABLES, RULES, ...) in the messages of a dump, as (number of the family, attributes)."""
    wanted = NFTABLES << 8 | kind[1]
    fitting = (body for number, body in found if number == wanted and len(body) >= NFGENMSG.size)
    return ((body[0], attributes(body, NFGENMSG.size)) for body in fitting)


def rules(found: Iterable[Message]) -> Iterator[tuple[int, Attributes]]:
    """The rules in the messages of a dump, as (number of the family, attributes).

    Most of them come without handle and position.
    """
    return ((body[0], _rule(body)) for number, body in found if number == NEW_RULE and len(body) >= NFGENMSG.size)


def _rule(body: bytes) -> Attributes:
    begin = _begin_of_rule().match(body, NFGENMSG.size)
    end = begin.end() + SHORT.unpack(begin[3])[0] - NLATTR.size if begin else -1
    if not begin or not begin.end() <= end <= len(body):
        return attributes(body, NFGENMSG.size)
    read = {TABLE: begin[1], RULE_CHAIN: begin[2], RULE_EXPRESSIONS: body[begin.end() : end]}
    return read | attributes(body, end + 3 & ~3) if end < len(body) else read


@cache
def _begin_of_rule() -> re.Pattern[bytes]:
    # as nf_tables_fill_rule_info() writes it, up to the expressions; groups: table, chain, length of the expressions
    # with their header
    kinds = (re.escape(SHORT.pack(kind)) for kind in (TABLE, RULE_CHAIN))
    names = b"".join(rb"..%b([^\0]+\0)\0{0,3}" % kind for kind in kinds)
    handle, position = (re.escape(NLATTR.pack(NLATTR.size + LONG.size, kind)) for kind in (RULE_HANDLE, RULE_POSITION))
    wanted = re.escape(SHORT.pack(RULE_EXPRESSIONS))
    return re.compile(rb"%b%b.{8}(?:%b.{8})?(..)%b" % (names, handle, position, wanted), re.DOTALL)


def name(found: Attributes, number: int) -> str:
    """The text in attribute `number` of an object; empty if it has none."""
    return text(found.get(number, b""))


def integer(found: Attributes, number: int, form: struct.Struct = NUMBER) -> int:
    """The number in attribute `number` of an object; 0 if it has none, or its size is not that of `form`."""
    value = found.get(number, b"")
    return int(form.unpack(value)[0]) if len(value) == form.size else 0


def forward_chain(family: int, found: Attributes) -> ForwardChain | None:
    """The chain with these attributes if it is a base chain on the forward hook of inet, ip or ip6; None for others.

    `family`: its number.
    """
    hook = attributes(found.get(CHAIN_HOOK, b""), 0)
    if family not in FAMILIES or HOOK_PRIORITY not in hook or integer(hook, HOOK_NUMBER) != NF_INET_FORWARD:
        return None
    priority = integer(hook, HOOK_PRIORITY, SIGNED)
    return ForwardChain(FAMILIES[family], name(found, TABLE), name(found, CHAIN_NAME), priority)


def devices(flowtable: Attributes) -> frozenset[str]:
    """The names of a flowtable's devices; `flowtable`: its attributes."""
    hook = attributes(flowtable.get(FLOWTABLE_HOOK, b""), 0)
    values = (value for _, value in each(hook.get(HOOK_DEVICES, b"")))
    return frozenset(device_name(value) for value in values)


def chain_devices(hook: Attributes) -> tuple[str, ...]:
    """The names of the devices that a base chain is bound to, one or a list; `hook`: attributes of its hook.

    `()` if it is bound to none, as on the hook forward.
    """
    if HOOK_DEVICE in hook:
        return (device_name(hook[HOOK_DEVICE]),)
    return tuple(device_name(value) for _, value in each(hook.get(CHAIN_DEVICES, b"")))


def counts(flowtable: Attributes) -> bool:
    """Whether a flowtable has the flag `counter`; `flowtable`: its attributes."""
    return bool(integer(flowtable, FLOWTABLE_FLAGS) & NFT_FLOWTABLE_COUNTER)


def comment(rule: Attributes) -> str:
    """The comment of a rule; empty if it has none. `rule`: its attributes."""
    data, at = rule.get(RULE_USERDATA, b""), 0
    while at + 2 <= len(data):
        kind, length = data[at], data[at + 1]
        if kind == USERDATA_COMMENT:
            return text(data[at + 2 : at + 2 + length])
        at += 2 + length
    return ""


def counted(rule: Attributes) -> int:
    """The packets of a rule's own counters added up (not of named ones); 0 without any. `rule`: its attributes."""
    packets = 0
    for _, value in each(rule.get(RULE_EXPRESSIONS, b"")):
        expression = attributes(value, 0)
        if name(expression, EXPRESSION_NAME) == "counter":
            packets += integer(attributes(expression.get(EXPRESSION_DATA, b""), 0), COUNTER_PACKETS, LONG)
    return packets
