"""Parse the objects of `nft -j list set` and `list map` into elements, as text of the form that we send. Pure.

nft lists elements in any order, and wraps one with a timeout, counter or comment in `elem`. Schema:
libnftables-json(5).
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from offload.model.kernel.live import TimedElement

# Seconds. An element that expires sooner counts as expired: it may do so between our listing and our transaction.
LAST_SECONDS = 2


def elements(objects: Iterable[Mapping[str, Any]]) -> tuple[dict[str, frozenset[str]], tuple[TimedElement, ...]]:
    """Read the elements in the JSON of `nft -j list`; `objects`: its list `nftables`.

    Returns ({name of set or map: frozenset of its elements as nft text, of a map `KEY : VERDICT`}, TimedElements). A
    set's element with a timeout is in both; if it has less than 2 seconds (LAST_SECONDS) left, in neither. LookupError,
    TypeError, ValueError or AttributeError if an element cannot be read.
    """
    found: dict[str, frozenset[str]] = {}
    timed: list[TimedElement] = []
    for listed in objects:
        match listed:
            case {"set": each}:
                items = [item for item in each.get("elem", []) if _stays(item)]
                found[each["name"]] = frozenset(_element(item, _types(each)) for item in items)
                timed += [_timed(item, each) for item in items if _expires(item) is not None]
            case {"map": each}:
                found[each["name"]] = frozenset(_mapping(item, _types(each)) for item in each.get("elem", []))
    return found, tuple(timed)


def strays(objects: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Read how many packets each element of a set `iifname . oifname` has counted: {(iif, oif): packets}.

    `objects`: the list `nftables` of nft's JSON. An element that cannot be read raises TypeError, ValueError or
    KeyError.
    """
    sets = (listed["set"] for listed in objects if "set" in listed)
    return dict(_stray(item) for each in sets for item in each.get("elem", []))


def _types(each: Mapping[str, Any]) -> list[str]:
    found = each["type"]
    return [found] if isinstance(found, str) else list(found)


def _mapping(item: Any, types: list[str]) -> str:
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
        case "ifname" | "iface_index":  # of the index of a device that is gone, nft prints the number
            return f'"{item}"'
        case "mark":
            return f"{item:#010x}"
        case "ipv6_addr":
            return str(ip_address(item))
        case _:
            return str(item)
