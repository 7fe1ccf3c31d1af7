"""Decide whether a packet matches a rule: yes, no, or only the router can decide. Pure."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from offload.compiler.firewall.tracing.times import holds
from offload.model.kernel.nft import Rule
from offload.model.sections.match import Address, Item, Limit, Match, Times
from offload.model.text.addresses import covers
from offload.nft.match import text

YES, NO, OPEN = "yes", "no", "open"
NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "ipv6-icmp": "58", "icmpv6": "58", "esp": "50", "sctp": "132"}
WITH_PORTS = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})


class Packet(NamedTuple):
    """A packet of a connection: its first, unless `live` is True.

    An empty `iif` or `oif`: the hook has no such device. None, or an empty `proto` or `src_mac`: not known.
    """

    family: int  # 4 or 6
    proto: str  # name of the IP protocol
    iif: str = ""  # input device
    oif: str = ""  # output device
    src_ip: int | None = None  # as a number
    dest_ip: int | None = None  # as a number
    src_port: int | None = None  # of TCP, UDP, UDP-Lite, SCTP or DCCP
    dest_port: int | None = None  # of TCP, UDP, UDP-Lite, SCTP or DCCP
    src_mac: str = ""  # as text in lower case
    translated: bool = False  # DNAT replaced its destination
    moment: float | None = None  # when it passes, in seconds since 1970
    live: bool = False  # its connection exists already; whether it exceeds a rate limit is not known


def meets(rule: Rule, packet: Packet) -> tuple[str, str]:
    """Whether a rule matches the packet: YES, NO, or OPEN, which only the router can decide.

    OPEN: no condition excludes the packet, but one compares a set, a mark, or something else that `packet` does not
    have. A rate limit counts as not exceeded; but for a `live` packet that of a section is OPEN. The second value: for
    OPEN the undecided conditions as nft text, with the rule's family and protocol; else empty.
    """
    match, undecided = rule.match, dict[str, Any]()
    for name, value in zip(Match._fields, match, strict=True):
        found = DECIDING[name](value, packet) if value else YES
        if found == NO:
            return NO, ""
        if found == OPEN:
            undecided[name] = value
    return (OPEN, text(_part(match, undecided)).strip()) if undecided else (YES, "")


def kinds(matches: Iterable[Match]) -> Callable[[Packet], Hashable]:
    """Make a function: packet -> key. Packets with equal keys meet the same of `matches`, so one stands for all.

    They may differ in addresses, ports and MAC; all their other fields are equal.
    """
    every = set(matches)
    asked = {name: tuple({value for each in every if (value := getattr(each, name))}) for name in VARIED}
    known: dict[Hashable, Hashable] = {}

    def found(name: str, packet: Packet) -> Hashable:
        key = name, packet.family, packet.proto, getattr(packet, name)
        if key not in known:
            known[key] = tuple(DECIDING[name](value, packet) for value in asked[name])
        return known[key]

    def kind(packet: Packet) -> Hashable:
        same = packet._replace(src_ip=None, dest_ip=None, src_port=None, dest_port=None, src_mac="")
        return same, *(found(name, packet) for name in VARIED if asked[name])

    return kind


# The undecided conditions, so that they can be written: ports need their protocol, ICMP types their family.
def _part(match: Match, undecided: dict[str, Any]) -> Match:
    return Match(**{"family": match.family, "proto": match.proto} | undecided)


# `holds`: text of an alternative -> whether it holds; None: not known, which gives OPEN if it matters
def _any(items: Sequence[Item], holds: Callable[[str], bool | None]) -> str:
    good = [holds(each.text) for each in items if not each.negated]
    bad = [holds(each.text) for each in items if each.negated]
    if True in bad or (good and not any(each is not False for each in good)):
        return NO
    return OPEN if None in bad or (good and True not in good) else YES


def _family(family: int, packet: Packet) -> str:
    return YES if family == packet.family else NO


def _proto(items: Sequence[Item], packet: Packet) -> str:
    number = NUMBERS.get(packet.proto, packet.proto)
    if not number:
        return OPEN
    return _any(items, lambda name: name == "any" or NUMBERS.get(name, name) == number)


def _device(name: str) -> Callable[[Sequence[Item], Packet], str]:
    def holds(items: Sequence[Item], packet: Packet) -> str:
        device: str = getattr(packet, name)
        if not device:
            return NO  # this hook has no such device
        return _any(items, lambda word: device.startswith(word[:-1]) if word.endswith("*") else word == device)

    return holds


def _address(name: str) -> Callable[[Sequence[Address], Packet], str]:
    def holds(addresses: Sequence[Address], packet: Packet) -> str:
        value: int | None = getattr(packet, name)
        if addresses[0].family != packet.family:
            return NO
        known = [None if value is None else covers(each, value) for each in addresses]
        items = [Item(str(number), each.negated) for number, each in enumerate(addresses)]
        return _any(items, lambda number: known[int(number)])

    return holds


def _port(name: str) -> Callable[[Sequence[Item], Packet], str]:
    def holds(items: Sequence[Item], packet: Packet) -> str:
        port: int | None = getattr(packet, name)
        if packet.proto and packet.proto not in WITH_PORTS:
            return NO
        return _any(items, lambda word: None if port is None else _between(word, port))

    return holds


def _between(word: str, port: int) -> bool:
    first, _, last = word.partition("-")
    return int(first) <= port <= int(last or first)


def _mac(items: Sequence[Item], packet: Packet) -> str:
    return _any(items, lambda word: word.lower() == packet.src_mac if packet.src_mac else None)


# A connection's first packet is below every rate. Of a live connection it is not known how many packets came before.
def _limit(limit: Limit, packet: Packet) -> str:
    return OPEN if packet.live else NO if limit.negated else YES


def _times(times: Times, packet: Packet) -> str:
    return OPEN if packet.moment is None else YES if holds(times, packet.moment) else NO


# only fixed rules of a ruleset have conditions as text
def _raw(words: str, packet: Packet) -> str:
    known = {
        'iif "lo"': packet.iif == "lo",
        'oif "lo"': packet.oif == "lo",
        "ct status dnat": packet.translated,
        "ct state invalid": False,
        "tcp flags & (fin | syn | rst | ack) == syn": packet.proto == "tcp" and not packet.live,
    }
    if words.startswith("limit "):
        return YES
    return OPEN if words not in known else YES if known[words] else NO


def _open(_value: object, _packet: Packet) -> str:
    return OPEN


VARIED = ("src_ip", "dest_ip", "src_port", "dest_port", "src_mac")  # conditions with many different values
DECIDING: dict[str, Callable[[Any, Packet], str]] = {
    **dict.fromkeys(Match._fields, _open),  # icmp_type, helper, mark, dscp, ipset
    "family": _family,
    "proto": _proto,
    **{name: _device(name.removesuffix("name")) for name in ("iifname", "oifname")},
    **{name: _address(name) for name in ("src_ip", "dest_ip")},
    **{name: _port(name) for name in ("src_port", "dest_port")},
    "src_mac": _mac,
    "limit": _limit,
    "times": _times,
    "raw": _raw,
}
