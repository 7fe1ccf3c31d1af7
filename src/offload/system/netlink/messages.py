"""What the kernel tells by itself over rtnetlink and nfnetlink: bytes in, what they hint at out. Pure, no socket.

An own small reader, because it runs for every neighbour that is confirmed in a busy house: it looks at the few
attributes that can matter, and at nothing else.
"""

import struct
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from offload.nouns import dataclass, field

NLMSGHDR = struct.Struct("=IHHII")
NLATTR = struct.Struct("=HH")
NLA_TYPE_MASK = 0x3FFF

# include/uapi/linux/rtnetlink.h
RTM_NEWLINK, RTM_DELLINK = 16, 17
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTM_NEWNEIGH = 28
AF_INET, AF_INET6, AF_BRIDGE = 2, 10, 7
IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, changed
NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
IFLA_IFNAME, IFLA_MASTER, IFF_UP = 3, 10, 1
NDA_DST, NDA_LLADDR, NDA_VLAN, NDA_MASTER = 1, 2, 5, 9
NUD_NOARP, NUD_PERMANENT = 0x40, 0x80
MAC_SIZE = 6

# include/uapi/linux/netfilter/nf_tables.h; the upper byte is NFNL_SUBSYS_NFTABLES
NFTABLES = 10
NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWRULE, NFT_MSG_DELRULE, NFT_MSG_NEWGEN = 0, 2, 6, 8, 15
NFGENMSG_SIZE = 4
NFT_MSG_NEWCHAIN, NFT_MSG_DELCHAIN, CHAIN_HOOK = 3, 5, 4
FIREWALL, FIREWALL_CHANGED = b"fw4", "rules of the firewall changed"
TABLE_NAME = 1  # the first attribute of every message about a table, or about something in one


class NeighbourEvent(NamedTuple):
    """A station learned by the bridge `master` at a port, or (`master` 0) a MAC resolved for an address on a device."""

    address: str  # of a station its MAC, of a neighbour its IP address
    place: str  # of a neighbour its MAC
    device: int  # index of the port or device
    master: int
    vlan: int


@dataclass(frozen=True, slots=True)
class Notification:
    """What one datagram hints at. `generations`: finished nft transactions; `tables`: names of tables concerned."""

    causes: tuple[str, ...] = ()
    seen: tuple[NeighbourEvent, ...] = ()
    generations: int = 0
    tables: frozenset[str] = frozenset()


@dataclass(slots=True)
class Links:
    """Listens to rtnetlink; remembers what it heard of each link, for most messages about links change nothing."""

    _known: dict[int, tuple[bytes, int, bytes]] = field(default_factory=dict)

    def hear(self, datagram: bytes) -> Notification:
        """What a datagram of rtnetlink hints at; never raises."""
        causes: dict[str, None] = {}
        found: list[NeighbourEvent] = []
        for kind, body in messages(datagram):
            if kind in {RTM_NEWLINK, RTM_DELLINK} and self._changed(kind, body):
                causes["a link changed"] = None
            elif kind in {RTM_NEWADDR, RTM_DELADDR}:
                causes["an address changed"] = None
            elif kind == RTM_NEWNEIGH:
                found += seen(body)
        return Notification(tuple(causes), tuple(found))

    def _changed(self, kind: int, body: bytes) -> bool:
        """Whether name, master or being up are news; carrier, statistics and Wi-Fi scans are not."""
        if len(body) < IFINFOMSG.size:
            return True
        family, _, index, flags, _ = IFINFOMSG.unpack_from(body)
        if family == AF_BRIDGE:
            return False  # the state of a bridge port: what concerns us comes as a link of its own
        if kind == RTM_DELLINK:
            self._known.pop(index, None)
            return True
        found = attributes(body, IFINFOMSG.size)
        now = found.get(IFLA_IFNAME, b""), flags & IFF_UP, found.get(IFLA_MASTER, b"")
        before, self._known[index] = self._known.get(index), now
        return before != now


def transactions(datagram: bytes) -> Notification:
    """What a datagram of nftables' own group hints at; never raises."""
    tables: set[str] = set()
    causes: dict[str, None] = {}
    generations = 0
    for kind, body in messages(datagram):
        if kind >> 8 != NFTABLES:
            continue
        message = kind & 0xFF
        generations += message == NFT_MSG_NEWGEN
        found = attributes(body, NFGENMSG_SIZE) if message != NFT_MSG_NEWGEN else {}
        name = found.get(TABLE_NAME, b"")
        if name:
            tables.add(name.rstrip(b"\0").decode("ascii", "replace"))
        if message in {NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE}:
            causes["a table came or went"] = None
        elif message == NFT_MSG_DELCHAIN or (message == NFT_MSG_NEWCHAIN and CHAIN_HOOK in found):
            causes["a chain on a hook came or went"] = None  # from 6.4 on the kernel does not say of one that goes
        elif message in {NFT_MSG_NEWRULE, NFT_MSG_DELRULE} and name.rstrip(b"\0") == FIREWALL:
            causes[FIREWALL_CHANGED] = None  # its tables stay when it is reloaded
    return Notification(tuple(causes), (), generations, frozenset(tables))


def seen(body: bytes) -> list[NeighbourEvent]:
    """The station or neighbour a message about one speaks of; none where it is not known, or the router's own."""
    if len(body) < NDMSG.size:
        return []
    family, index, state, _, _ = NDMSG.unpack_from(body)
    found = attributes(body, NDMSG.size)
    mac, address = found.get(NDA_LLADDR, b""), found.get(NDA_DST, b"")
    if len(mac) != MAC_SIZE:
        return []
    if family == AF_BRIDGE:
        master, vlan = _number(found.get(NDA_MASTER, b"")), _number(found.get(NDA_VLAN, b""))
        return [NeighbourEvent(mac.hex(":"), "", index, master, vlan)] if master and not state & NUD_PERMANENT else []
    if family in {AF_INET, AF_INET6} and len(address) in {4, 16} and not state & NUD_NOARP:
        return [NeighbourEvent(str(ip_address(address)), mac.hex(":"), index, 0, 0)]
    return []


def _number(value: bytes) -> int:
    return int.from_bytes(value[:4], sys.byteorder)


def messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of a datagram: type and what follows the header. What does not fit ends it."""
    at = 0
    while at + NLMSGHDR.size <= len(datagram):
        length, kind, *_ = NLMSGHDR.unpack_from(datagram, at)
        if length < NLMSGHDR.size or at + length > len(datagram):
            return
        yield kind, datagram[at + NLMSGHDR.size : at + length]
        at += (length + 3) & ~3


def attributes(body: bytes, at: int) -> dict[int, bytes]:
    """The attributes of a message from `at` on; nested ones stay bytes. What does not fit ends them."""
    found: dict[int, bytes] = {}
    while at + NLATTR.size <= len(body):
        length, kind = NLATTR.unpack_from(body, at)
        if length < NLATTR.size or at + length > len(body):
            break
        found[kind & NLA_TYPE_MASK] = body[at + NLATTR.size : at + length]
        at += (length + 3) & ~3
    return found
