"""Parse routing rules (`ip rule`), most of all those that compare the packet mark. Pure.

Numbers and structures: include/uapi/linux/fib_rules.h and rtnetlink.h.
"""

import struct
from collections.abc import Iterable

from offload.model.network import RoutingRule
from offload.system.netlink.route.rtnetlink import AF_INET, AF_INET6, RT_TABLE_LOCAL
from offload.system.netlink.wire import Message, attributes, message, number

RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
FIB_RULE_HDR = struct.Struct("=BBBBBxxBI")  # family, dst_len, src_len, tos, table, action, flags
FRA_FWMARK, FRA_TABLE, FRA_FWMASK = 10, 15, 16
FIB_RULE_INVERT = 0x2
FR_ACT_TO_TBL, FR_ACT_NOP = 1, 3
FAMILIES = {AF_INET: "ipv4", AF_INET6: "ipv6"}
WHOLE_MARK = 0xFFFFFFFF
EVERYWHERE = frozenset({253, 254, RT_TABLE_LOCAL})  # default, main and local: tables that the kernel's own rules have

RULES = message(RTM_GETRULE, bytes(FIB_RULE_HDR.size))


def routing_rules(found: Iterable[Message]) -> tuple[RoutingRule, ...]:
    """The routing rules of IPv4 and IPv6 that compare the packet mark, from the messages of a dump.

    Those with the action `nop` are left out.
    """
    read = (_rule(body) for kind, body in found if _is_rule(kind, body))
    return tuple(each for each in read if each)


def policy_routed(found: Iterable[Message]) -> frozenset[str]:
    """The families (ipv4, ipv6) of which a rule in the messages of a dump looks up a table besides main.

    Tables `local` and `default` do not count. A rule of VRFs does.
    """
    heads = ((FIB_RULE_HDR.unpack_from(body), body) for kind, body in found if _is_rule(kind, body))
    return frozenset(
        FAMILIES[family]
        for (family, _, _, _, table, action, _), body in heads
        if family in FAMILIES and action == FR_ACT_TO_TBL and _table(body, table) not in EVERYWHERE
    )


def _is_rule(kind: int, body: bytes) -> bool:
    return kind == RTM_NEWRULE and len(body) >= FIB_RULE_HDR.size


# `short`: the table's number in the header, which has room for 255 tables
def _table(body: bytes, short: int) -> int:
    found = attributes(body, FIB_RULE_HDR.size)
    return number(found[FRA_TABLE][:4]) if FRA_TABLE in found else short


def _rule(body: bytes) -> RoutingRule | None:
    family, _, _, _, table, action, flags = FIB_RULE_HDR.unpack_from(body)
    found = attributes(body, FIB_RULE_HDR.size)
    if family not in FAMILIES or action == FR_ACT_NOP or not found.keys() & {FRA_FWMARK, FRA_FWMASK}:
        return None
    mask = number(found[FRA_FWMASK][:4]) if FRA_FWMASK in found else WHOLE_MARK
    mark = number(found.get(FRA_FWMARK, b"")[:4])
    return RoutingRule(FAMILIES[family], mark & mask, mask, _table(body, table), bool(flags & FIB_RULE_INVERT))
