"""Parse routing rules that compare the packet mark (`ip rule add fwmark ...`), from rtnetlink. Pure, no socket.

Numbers and structures: include/uapi/linux/fib_rules.h.
"""

import struct
from collections.abc import Iterable

from offload.model.network import RoutingRule
from offload.system.netlink.route.rtnetlink import AF_INET, AF_INET6
from offload.system.netlink.wire import Message, attributes, message, number

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
FIB_RULE_HDR = struct.Struct("=BBBBBxxBI")  # family, dst_len, src_len, tos, table, action, flags
FRA_FWMARK, FRA_TABLE, FRA_FWMASK = 10, 15, 16
FIB_RULE_INVERT = 0x2
FR_ACT_NOP = 3
FAMILIES = {AF_INET: "ipv4", AF_INET6: "ipv6"}
WHOLE_MARK = 0xFFFFFFFF

RULES = message(RTM_GETRULE, bytes(FIB_RULE_HDR.size))


def routing_rules(found: Iterable[Message]) -> tuple[RoutingRule, ...]:
    """The rules of a dump that compare the mark, without those whose action is `nop`."""
    read = (_rule(body) for kind, body in found if kind == RTM_NEWRULE)
    return tuple(each for each in read if each)


def _rule(body: bytes) -> RoutingRule | None:
    if len(body) < FIB_RULE_HDR.size:
        return None
    family, _, _, _, table, action, flags = FIB_RULE_HDR.unpack_from(body)
    found = attributes(body, FIB_RULE_HDR.size)
    if family not in FAMILIES or action == FR_ACT_NOP or not found.keys() & {FRA_FWMARK, FRA_FWMASK}:
        return None
    mask = number(found[FRA_FWMASK][:4]) if FRA_FWMASK in found else WHOLE_MARK
    mark = number(found.get(FRA_FWMARK, b"")[:4])
    table = number(found[FRA_TABLE][:4]) if FRA_TABLE in found else table
    return RoutingRule(FAMILIES[family], mark & mask, mask, table, bool(flags & FIB_RULE_INVERT))
