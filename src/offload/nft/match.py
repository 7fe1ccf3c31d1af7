"""Write a Match as the conditions of an nft rule, in the order of Match's fields.

Values are not checked here, but where their section is read.
"""

from collections.abc import Callable, Iterable
from typing import Any

from offload.model.sections.fields import KEYS
from offload.model.sections.match import (
    MASKED,
    WHOLE_MARK,
    Address,
    Bits,
    IcmpType,
    Item,
    Limit,
    Match,
    SetMatch,
    Times,
)

IP = {4: "ip", 6: "ip6"}
ICMP = {4: "icmp", 6: "icmpv6"}
NANOSECONDS = {
    unit: 10**9 * seconds for unit, seconds in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400))
}
_SECONDS = (3600, 60, 1)
_DAYS_BEFORE_1970 = 719_468  # from 0000-03-01, the day from which leap days are easy to count


def text(match: Match) -> str:
    """The conditions of a match as text of an nft rule, each with a blank after it; empty: it has no conditions.

    The caller has to ensure: a match with ports has just one protocol; addresses are of one family (of `family`, if
    that is given), and no address is still the name of a network; ICMP types and DSCP come with `family`; the `fields`
    of `ipset` are filled in.
    """
    return "".join([write(value, match) for value, write in zip(match, _WRITERS, strict=True) if value])


def quoted(value: str) -> str:
    """A text between quotes. nft has no escapes: `"` in it becomes `'`, and an unprintable character `?`."""
    if value.isprintable() and '"' not in value:
        return f'"{value}"'
    safe = "".join(char if char.isprintable() else "?" for char in value).replace('"', "'")
    return f'"{safe}"'


def one_or_set(values: Iterable[str]) -> str:
    """One value as it is, several as an anonymous nft set: `{ 80, 443 }`, in their order and without duplicates.

    At least one value must be given.
    """
    several = tuple(dict.fromkeys(values))
    return several[0] if len(several) == 1 else f"{{ {', '.join(several)} }}"


def _items(key: str, items: tuple[Item, ...], write: Callable[[str], str] = str) -> str:
    if len(items) == 1:
        return f"{key} {'!= ' if items[0].negated else ''}{write(items[0].text)} "
    good = [write(item.text) for item in items if not item.negated]
    bad = [write(item.text) for item in items if item.negated]
    return (f"{key} {one_or_set(good)} " if good else "") + (f"{key} != {one_or_set(bad)} " if bad else "")


# an address implies its family
def _family(family: int, match: Match) -> str:
    return "" if match.src_ip or match.dest_ip else f"meta nfproto ipv{family} "


# a port or an ICMP type implies its protocol
def _proto(items: tuple[Item, ...], match: Match) -> str:
    if match.src_port or match.dest_port or match.icmp_type:
        return ""
    return _items(KEYS["proto"], items)


def _devices(key: str) -> Callable[[tuple[Item, ...], Match], str]:
    # A wildcard must not stand in a set with others; one that is not negated is the only such name.
    def write(items: tuple[Item, ...], _: Match) -> str:
        plain = tuple(item for item in items if not (item.negated and item.text.endswith("*")))
        wild = (item for item in items if item.negated and item.text.endswith("*"))
        return (_items(key, plain, _name) if plain else "") + "".join(f"{key} != {_name(item.text)} " for item in wild)

    return write


def _name(text_: str) -> str:
    return f'"{text_}"'


def _addresses(key: str) -> Callable[[tuple[Address, ...], Match], str]:
    fields = {family: key.format(ip=ip) for family, ip in IP.items()}

    def write(addresses: tuple[Address, ...], _: Match) -> str:
        field = fields[addresses[0].family]
        if len(addresses) == 1 and addresses[0].bits != MASKED:
            return f"{field} {'!= ' if addresses[0].negated else ''}{addresses[0].text} "
        good = [each.text for each in addresses if each.bits != MASKED and not each.negated]
        bad = [each.text for each in addresses if each.bits != MASKED and each.negated]
        words = [f"{field} {one_or_set(good)} "] if good else []
        words += [f"{field} != {one_or_set(bad)} "] if bad else []
        words += [_masked(field, each) for each in addresses if each.bits == MASKED]
        return "".join(words)

    return write


def _masked(field: str, each: Address) -> str:
    value, _, mask = each.text.partition("/")
    return f"{field} & {mask} {'!=' if each.negated else '=='} {value} "


def _ports(key: str) -> Callable[[tuple[Item, ...], Match], str]:
    def write(items: tuple[Item, ...], match: Match) -> str:
        if items is match.dest_port and any(item.negated for item in match.src_port):
            items = _apart(items)
        return _items(key.format(proto=match.proto[0].text), items)

    return write


# nft 1.0.6 merges `sport != A dport != B` into one comparison, which is true if either port differs; not if B is a
# range, so a single negated port becomes a range of one port.
def _apart(ports: tuple[Item, ...]) -> tuple[Item, ...]:
    negated = [item for item in ports if item.negated]
    if len(negated) != 1 or "-" in negated[0].text:
        return ports
    port = negated[0]
    return tuple(item._replace(text=f"{port.text}-{port.text}") if item is port else item for item in ports)


def _macs(items: tuple[Item, ...], _: Match) -> str:
    return _items(KEYS["src_mac"], items)


# all types have a code, or none has one
def _icmp(types: tuple[IcmpType, ...], match: Match) -> str:
    key = ICMP[match.family or 4]
    pairs = [(each.type4, each.code4) if match.family == 4 else (each.type6, each.code6) for each in types]  # noqa: PLR2004 - IPv4
    if pairs[0][1] is None:
        return f"{key} type {one_or_set(str(number) for number, _ in pairs)} "
    both = ", ".join(dict.fromkeys(f"{number} . {code}" for number, code in pairs))
    return f"{key} type . {key} code {{ {both} }} "


def _helper(item: Item, _: Match) -> str:
    return f"ct helper {'!= ' if item.negated else ''}{quoted(item.text)} "


def limit_text(limit: Limit) -> str:
    """A rate limit as nft text without the words `limit rate`: `10/second`, `over 10/second burst 5 packets`.

    A burst that the kernel could not count is the greatest one that it can.
    """
    # nft_limit_init(): the time of a burst in nanoseconds has 64 bits, and its packets have 32
    most = min(2**32 - 1, (2**64 - 1) // max(1, NANOSECONDS[limit.unit] // limit.rate))
    burst = f" burst {min(limit.burst, most)} packets" if limit.burst else ""
    return f"{'over ' if limit.negated else ''}{limit.rate}/{limit.unit}{burst}"


def _limit(limit: Limit, _: Match) -> str:
    return f"limit rate {limit_text(limit)} "


def _times(times: Times, _: Match) -> str:
    date, clock = (_utc_date, _utc_time) if times.utc else (_date, _clock)
    words = _span("meta time", times.start_date, times.stop_date, date)
    words += _span("meta hour", times.start_time, times.stop_time, clock)
    if times.weekdays:
        days = one_or_set(f'"{day}"' for day in times.weekdays)
        words += f"meta day {'!= ' if times.other_weekdays else ''}{days} "
    return words


def _span(key: str, start: tuple[int, ...], stop: tuple[int, ...], write: Callable[[tuple[int, ...]], str]) -> str:
    if start and stop:
        return f"{key} {write(start)}-{write(stop)} "
    if start or stop:
        return f"{key} {'>=' if start else '<='} {write(start or stop)} "
    return ""


def _date(date: tuple[int, ...]) -> str:
    return '"{:04}-{:02}-{:02} {:02}:{:02}:{:02}"'.format(*date)


def _clock(time: tuple[int, ...]) -> str:
    return '"{:02}:{:02}:{:02}"'.format(*time)


# nft reads `"12:00:00"` as local time, and a number as seconds since midnight in UTC
def _utc_time(time: tuple[int, ...]) -> str:
    return str(sum(part * seconds for part, seconds in zip(time, _SECONDS, strict=True)))


# nft reads a written date as local time, and a number as seconds since 1970
def _utc_date(date: tuple[int, ...]) -> str:
    year, month, day = date[:3]
    year -= month < 3  # noqa: PLR2004 - a year that begins in March ends with its leap day
    days = year * 365 + year // 4 - year // 100 + year // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return str((days - _DAYS_BEFORE_1970) * 86_400 + int(_utc_time(date[3:])))


def _mark(mark: Bits, _: Match) -> str:
    if mark.mask == WHOLE_MARK:
        return f"{KEYS['mark']} {'!= ' if mark.negated else ''}{mark.value:#x} "
    return f"{KEYS['mark']} & {mark.mask:#x} {'!=' if mark.negated else '=='} {mark.value:#x} "


def _dscp(dscp: Bits, match: Match) -> str:
    return f"{KEYS['dscp'].format(ip=IP[match.family or 4])} {'!= ' if dscp.negated else ''}{dscp.value:#x} "


def _set(match: SetMatch, _: Match) -> str:
    return f"{' . '.join(match.fields)} {'!= ' if match.negated else ''}@{match.name} "


def _raw(raw: str, _: Match) -> str:
    return f"{raw} "


_WRITE: dict[str, Callable[[Any, Match], str]] = {
    "family": _family,
    "proto": _proto,
    "iifname": _devices("iifname"),
    "oifname": _devices("oifname"),
    "src_ip": _addresses(KEYS["src_ip"]),
    "dest_ip": _addresses(KEYS["dest_ip"]),
    "src_port": _ports(KEYS["src_port"]),
    "dest_port": _ports(KEYS["dest_port"]),
    "src_mac": _macs,
    "icmp_type": _icmp,
    "helper": _helper,
    "limit": _limit,
    "times": _times,
    "mark": _mark,
    "dscp": _dscp,
    "ipset": _set,
    "raw": _raw,
}
_WRITERS = tuple(_WRITE[name] for name in Match._fields)
