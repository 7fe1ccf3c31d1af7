"""The objects of `nft -j list table` -> LiveTable, in the words render uses. Pure.

What nft 1.0.6 prints differs from what it was given: one device is a string and none is no key (kernel.md 31),
elements come in any order, and an element with an attribute is wrapped in `elem`. Schema: libnftables-json(5).
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from offload.model.live import FINGERPRINT, STRAY_SET, LiveTable, TimedElement

# An element with less to live than this is as good as gone: between our look and our transaction it may go.
LAST_SECONDS = 2


def live_table(name: str, objects: Iterable[Mapping[str, Any]]) -> LiveTable:
    """Read one table. What is none of our kinds is passed over: it changes nothing we compare."""
    devices: set[str] = set()
    elements: dict[str, frozenset[str]] = {}
    rules: dict[str, tuple[str, ...]] = {}
    timed: list[TimedElement] = []
    strays: dict[tuple[str, str], int] = {}
    for found in objects:
        match found:
            case {"flowtable": each}:
                named = each.get("dev", [])
                devices |= {named} if isinstance(named, str) else set(named)
            case {"set": each} if each["name"] == STRAY_SET:
                strays |= dict(_stray(item) for item in each.get("elem", []))
            case {"set": each}:
                items = [item for item in each.get("elem", []) if _stays(item)]
                elements[each["name"]] = frozenset(_element(item, _types(each)) for item in items)
                timed += [_timed(item, each) for item in items if _expires(item) is not None]
            case {"map": each}:
                elements[each["name"]] = frozenset(_mapping(item, _types(each)) for item in each.get("elem", []))
            case {"chain": each}:
                rules.setdefault(each["name"], ())
            case {"rule": each}:
                comment = each.get("comment", "")
                mark = comment.removeprefix(FINGERPRINT) if comment.startswith(FINGERPRINT) else ""
                rules[each["chain"]] = (*rules.get(each["chain"], ()), mark)
    return LiveTable(name, frozenset(devices), elements, rules, tuple(timed), strays)


def _types(each: Mapping[str, Any]) -> list[str]:
    found = each["type"]
    return [found] if isinstance(found, str) else list(found)


def _mapping(item: Any, types: list[str]) -> str:
    """An element of a verdict map: a pair of key and verdict."""
    key, verdict = item
    (word, target), *_ = verdict.items()
    named = target.get("target", "") if isinstance(target, Mapping) else ""
    return f"{_element(key, types)} : {word} {named}".rstrip()


def _expires(item: Any) -> int | None:
    match item:
        case {"elem": {"expires": int(seconds)}}:
            return seconds
    return None


def _stays(item: Any) -> bool:
    seconds = _expires(item)
    return seconds is None or seconds >= LAST_SECONDS


def _timed(item: Any, each: Mapping[str, Any]) -> TimedElement:
    found = item["elem"]
    key = _element(found["val"], _types(each))
    return TimedElement(each["name"], key, found.get("comment", ""), found.get("timeout", 0), found["expires"])


def _stray(item: Any) -> tuple[tuple[str, str], int]:
    found = item["elem"]
    iif, oif = found["val"]["concat"]
    return (iif, oif), found["counter"]["packets"]


def _element(item: Any, types: list[str]) -> str:
    match item:
        case {"elem": {"val": value, "comment": comment}}:
            return f'{_element(value, types)} comment "{comment}"'
        case {"elem": {"val": value}}:
            return _element(value, types)
        case {"concat": parts}:
            return " . ".join(_element(part, [kind]) for part, kind in zip(parts, types, strict=True))
        case {"prefix": {"addr": address, "len": length}}:
            return f"{_value(address, types[0])}/{length}"
        case {"range": [low, high]}:
            return f"{_value(low, types[0])}-{_value(high, types[0])}"
        case _:
            return _value(item, types[0])


def _value(item: Any, kind: str) -> str:
    match kind:
        case "ifname":
            return f'"{item}"'
        case "mark":
            return f"{item:#010x}"
        case "ipv6_addr":
            return str(ip_address(item))
        case _:
            return str(item)
