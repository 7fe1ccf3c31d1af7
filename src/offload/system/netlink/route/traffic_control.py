"""Parse queueing disciplines (qdiscs), classes and tc filters from rtnetlink, and make requests for them. Pure.

Numbers and structures: include/uapi/linux/rtnetlink.h, pkt_sched.h and pkt_cls.h. A message that is too short is left
out.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from socket import ntohs
from typing import NamedTuple

from offload.model.network import Filter, Qdisc
from offload.system.netlink.wire import Attributes, Message, attributes, message, number, text
from offload.system.netlink.wire import each as each_attribute

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
RTM_NEWTCLASS, RTM_GETTCLASS = 40, 42
RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER = 44, 45, 46
TCMSG = struct.Struct("=BxxxiIII")  # family, index, handle, parent, info
TCA_KIND, TCA_OPTIONS = 1, 2
TCA_CAKE_FWMARK, TCA_FW_MASK, TCA_U32_MARK = 18, 5, 10
U32_MARK = struct.Struct("=III")  # value, mask, packets that matched
TC_H_MIN_INGRESS, TC_H_MIN_EGRESS = 0xFFF2, 0xFFF3
TC_H_MAJ_INGRESS = 0xFFFF  # of `ingress` and of clsact
# The attribute that holds a filter's actions, by its kind (TCA_MATCHALL_ACT and so on)
ACTIONS = {"matchall": 2, "u32": 7, "flower": 3, "basic": 3, "bpf": 1, "fw": 4, "flow": 9, "cgroup": 1, "route": 6}
TCA_ACT_KIND, TCA_ACT_OPTIONS = 1, 2
# The attribute with a filter's policer in its old form, by its kind; matchall and flower have none
POLICERS = {"u32": 6, "fw": 2, "basic": 4}
# Filters that only look at packets; programs (bpf) may change them too
LOOKING = frozenset({"matchall", "flower", *POLICERS})
TCA_GACT_PARMS, TCA_GACT_PROB = 2, 3
GACT_ACTION = struct.Struct("=8xi")  # index, capabilities, action
PASSING = frozenset({-1, 0, 3})  # TC_ACT_UNSPEC (continue), TC_ACT_OK, TC_ACT_PIPE
# Protocols of Ethernet whose packets are never offloaded: ARP, reverse ARP, 802.1X, LLDP, discovery of PPPoE
UNROUTED = frozenset({0x0806, 0x8035, 0x888E, 0x88CC, 0x8863})
TCA_FLOWER_KEY_IP_PROTO = 9
NEVER_OFFLOADED = frozenset({b"\x01", b"\x02", b"\x3a"})  # ICMP, IGMP, ICMPv6
# The attribute with a filter's flags, by its kind; with the flag SKIP_SW only hardware applies the filter
FLAGS = {"u32": 11, "matchall": 3, "flower": 22, "bpf": 9}
SKIP_SW = 2
TCA_BPF_NAME = 7
BRIDGER = b"bridger_"  # programs of OpenWrt's bridger, which forward between bridge ports and pass routed packets on
RESTORING = frozenset({"connmark", "ctinfo"})  # net/sched/act_connmark.c and act_ctinfo.c
WHOLE_MARK = 0xFFFFFFFF

QDISCS = message(RTM_GETQDISC, bytes(TCMSG.size))
WITHOUT_FILTERS = frozenset({"noqueue", "mq", "pfifo_fast", "pfifo", "bfifo"})
CLASSFUL = frozenset({"htb", "hfsc", "drr", "qfq", "ets", "cbq", "atm", "prio"})  # their classes may have filters too
# Filters that may compare the mark, but whose options do not show how
UNKNOWN = frozenset({"flow", "basic", "bpf", "rsvp", "tcindex", "route"})


class QdiscMessage(NamedTuple):
    """A queueing discipline, as rtnetlink describes it."""

    device: int  # index of its device
    handle: int  # its number
    parent: int  # number of the class it is attached to, or TC_H_ROOT and the like
    kind: str  # fq_codel, cake and so on
    fwmask: int  # bits of the mark that cake sorts by; 0: none


def qdiscs(found: Iterable[Message]) -> list[QdiscMessage]:
    """The queueing disciplines in the messages of a dump."""
    return [each for kind, body in found if kind == RTM_NEWQDISC and (each := qdisc(body))]


def qdisc(body: bytes) -> QdiscMessage | None:
    """The queueing discipline in the body of a message; None if the body is too short.

    `fwmask` is read for cake; it is 0 for other kinds.
    """
    if len(body) < TCMSG.size:
        return None
    _, index, handle, parent, _ = TCMSG.unpack_from(body)
    found = attributes(body, TCMSG.size)
    kind = text(found.get(TCA_KIND, b""))
    mask = attributes(found.get(TCA_OPTIONS, b"")).get(TCA_CAKE_FWMARK, b"") if kind == "cake" else b""
    return QdiscMessage(index, handle, parent, kind, number(mask[:4]))


def named(found: Iterable[QdiscMessage], names: Mapping[int, str]) -> tuple[Qdisc, ...]:
    """Make Qdiscs, which have the names of devices in place of indexes; `names`: of devices, by index.

    Equal ones come once. Those of kind `noqueue`, and those on a device that `names` lacks, are left out.
    """
    wanted = (each for each in found if each.device in names and each.kind != "noqueue")
    return tuple(dict.fromkeys(Qdisc(names[each.device], each.kind, each.fwmask) for each in wanted))


def class_requests(found: Iterable[QdiscMessage]) -> Iterator[bytes]:
    """The requests for dumps of classes, one for each device with a queueing discipline that has classes (CLASSFUL)."""
    for index in dict.fromkeys(each.device for each in found if each.kind in CLASSFUL):
        yield message(RTM_GETTCLASS, TCMSG.pack(0, index, 0, 0, 0))


def classes(found: Iterable[Message]) -> Iterator[tuple[int, int]]:
    """The classes in the messages of a dump, as (index of the device, handle)."""
    for kind, body in found:
        if kind == RTM_NEWTCLASS and len(body) >= TCMSG.size:
            _, index, handle, _, _ = TCMSG.unpack_from(body)
            yield index, handle


def filter_parents(found: Iterable[QdiscMessage]) -> Iterator[tuple[int, int]]:
    """The places at these queueing disciplines where tc filters may be attached, as (index of the device, handle).

    A clsact has two, ingress and egress. One of a kind in WITHOUT_FILTERS (mq, pfifo), or with handle 0, has none. Any
    other has one.
    """
    for each in found:
        if each.kind == "clsact":
            yield from ((each.device, each.handle | minor) for minor in (TC_H_MIN_INGRESS, TC_H_MIN_EGRESS))
        elif each.kind not in WITHOUT_FILTERS and each.handle:
            yield each.device, each.handle


def filter_request(index: int, parent: int) -> bytes:
    """The request for a dump of a device's filters at one queueing discipline or class (`parent`: its handle)."""
    return message(RTM_GETTFILTER, TCMSG.pack(0, index, 0, parent, 0))


def filters(found: Iterable[Message], names: Mapping[int, str]) -> tuple[Filter, ...]:
    """The tc filters in the messages of a dump, equal ones once. `names`: of devices, by index.

    Filters on a device that `names` lacks are left out. `restores` is True at egress if an action copies the
    connection's mark to the packet (connmark, ctinfo). `treats` is False if a filter of clsact or `ingress` lets every
    packet pass, or if no packet that could be offloaded meets the filter in software; in the second case its `fwmark`
    and `fwmask` are 0.
    """
    # Before the filters of a priority the kernel sends a message without handle and options. It counts only if no
    # filter follows: `tc filter add ... fw` without a handle takes the mark itself as the class.
    heads: dict[tuple[int, int, int], Filter] = {}
    read: dict[Filter, None] = {}
    for kind, body in found:
        if kind != RTM_NEWTFILTER or len(body) < TCMSG.size:
            continue
        _, index, handle, parent, info = TCMSG.unpack_from(body)
        held = attributes(body, TCMSG.size)
        name = text(held.get(TCA_KIND, b""))
        if index not in names:
            continue
        if handle:
            heads.pop((index, parent, info), None)
            options = attributes(held.get(TCA_OPTIONS, b""))
            if _applies(name, options, info):
                restores = _is_egress(parent) and not RESTORING.isdisjoint(_kinds_of_actions(name, options))
                treats = not (_classless(parent) and _only_passes(name, options))
                read[Filter(names[index], name, *_compared_mark(name, handle, options), restores, treats)] = None
            else:
                read[Filter(names[index], name, treats=False)] = None
        elif _applies(name, {}, info):
            known = (0, 0) if name != "fw" and name not in UNKNOWN else (None, WHOLE_MARK)
            heads[index, parent, info] = Filter(names[index], name, *known)
    return tuple(dict.fromkeys([*read, *heads.values()]))


def _applies(kind: str, options: Attributes, info: int) -> bool:
    # the lower 16 bits of `info` are its protocol of Ethernet, in network byte order
    if kind == "bpf" and options.get(TCA_BPF_NAME, b"").startswith(BRIDGER):
        return False
    if ntohs(info & 0xFFFF) in UNROUTED:
        return False
    if kind == "flower" and options.get(TCA_FLOWER_KEY_IP_PROTO) in NEVER_OFFLOADED:
        return False
    flags = number(options.get(FLAGS[kind], b"")[:4]) if kind in FLAGS else 0
    return not flags & SKIP_SW


def _classless(parent: int) -> bool:
    return parent >> 16 == TC_H_MAJ_INGRESS


def _only_passes(kind: str, options: Attributes) -> bool:
    # Actions may count the packets.
    return kind in LOOKING and POLICERS.get(kind) not in options and all(map(_only_counts, _actions(kind, options)))


def _only_counts(action: Attributes) -> bool:
    # `gact ok`, `pipe` or `continue` only count, if they do not by chance do something else
    options = attributes(action.get(TCA_ACT_OPTIONS, b""))
    settings = options.get(TCA_GACT_PARMS, b"")
    if text(action.get(TCA_ACT_KIND, b"")) != "gact" or TCA_GACT_PROB in options or len(settings) < GACT_ACTION.size:
        return False
    return GACT_ACTION.unpack_from(settings)[0] in PASSING


def _is_egress(parent: int) -> bool:
    return parent >> 16 != TC_H_MAJ_INGRESS or parent & 0xFFFF == TC_H_MIN_EGRESS


def _kinds_of_actions(kind: str, options: Attributes) -> Iterator[str]:
    return (text(action.get(TCA_ACT_KIND, b"")) for action in _actions(kind, options))


def _actions(kind: str, options: Attributes) -> Iterator[Attributes]:
    return (attributes(action) for _, action in each_attribute(options.get(ACTIONS.get(kind, 0), b"")))


def _compared_mark(kind: str, handle: int, options: Attributes) -> tuple[int | None, int]:
    # Mask 0: it does not read the mark. Mark None: it is not known how. `fw` has the mark as handle, `u32` as an
    # option.
    if kind == "fw":
        mask = number(options[TCA_FW_MASK][:4]) if TCA_FW_MASK in options else WHOLE_MARK
        return handle & mask, mask
    if kind == "u32":
        value = options.get(TCA_U32_MARK, b"")
        if len(value) < U32_MARK.size:
            return 0, 0
        mark, mask, _ = U32_MARK.unpack_from(value)
        return mark & mask, mask
    return (None, WHOLE_MARK) if kind in UNKNOWN else (0, 0)
