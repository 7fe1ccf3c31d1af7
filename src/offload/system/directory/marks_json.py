"""The keys of snapshot.json about packet marks: routing rules, qdiscs, tc filters, nft rules that read them. Pure.

`"rules": [{"family", "fwmark", "fwmask", "table"}]` (and `"inverted": true`), `"qdiscs": [{"device", "kind",
"fwmask"}]`, `"filters": [{"device", "kind", "fwmark", "fwmask", "restores", "treats"}]`, `"mark_readers": [{"table",
"chain", "does", "fwmark", "fwmask"}]`. Marks and masks may also be text (`"0x100"`), for files written by hand. A
`fwmark` of null (of a filter or mark reader) means any mark. For a filter without these numbers its kind decides
whether it can read marks.
"""

from typing import Any

from offload.model.kernel.live_rule import MarkReader
from offload.model.network import Filter, Qdisc, RoutingRule, Snapshot
from offload.nouns import asdict
from offload.system.directory import values

Json = dict[str, Any]

ALL = 0xFFFFFFFF
RANGE = "a number from 0 to 0xffffffff"
FAMILIES = ("ipv4", "ipv6")
# tc filters that may compare the mark, but whose options do not show how. `fw` compares nothing but the mark.
UNKNOWN = frozenset({"fw", "flow", "basic", "bpf"})
MARK_KEYS = ("rules", "qdiscs", "filters", "mark_readers")


def marks_json(snapshot: Snapshot) -> Json:
    """The keys `rules`, `qdiscs`, `filters` and `mark_readers` of snapshot.json with their values, from a Snapshot.

    An object in `rules` has the key `inverted` only if that is true.
    """
    rules = [asdict(rule) for rule in snapshot.rules]
    for rule in rules:
        if not rule["inverted"]:
            del rule["inverted"]
    others = (snapshot.qdiscs, snapshot.filters, snapshot.mark_readers)
    return dict(zip(MARK_KEYS, (rules, *([asdict(each) for each in several] for several in others)), strict=True))


def marks(found: Json) -> Json:
    """Read the keys `rules`, `qdiscs`, `filters` and `mark_readers` from the content of snapshot.json (`found`).

    Returns a dict with these four keys: tuples of RoutingRules, Qdiscs, Filters and MarkReaders; `()` for a key that is
    absent. TypeError or ValueError, which names the key, if a list, text or number is not valid. A value of `inverted`,
    `restores` or `treats` that is not a boolean counts as absent.
    """
    makers = (_rule, _qdisc, _filter, _reader)
    return {
        key: tuple(make(each) for each in _objects(found, key)) for key, make in zip(MARK_KEYS, makers, strict=True)
    }


def _rule(each: Json) -> RoutingRule:
    family = each.get("family", "ipv4")
    if family not in FAMILIES:
        raise ValueError(f"rules: '{family}' is no family (ipv4 or ipv6)")
    mask = _number(each, "fwmask", ALL)
    table = each.get("table", 0)
    number = 0 if isinstance(table, str) else values.typed(int, table, "rules: table")  # its name does not matter
    return RoutingRule(family, _number(each, "fwmark", 0) & mask, mask, number, each.get("inverted") is True)


def _qdisc(each: Json) -> Qdisc:
    return Qdisc(_text(each, "device"), _text(each, "kind"), _number(each, "fwmask", 0))


def _filter(each: Json) -> Filter:
    kind, known = _text(each, "kind"), (each.get("restores") is True, each.get("treats") is not False)
    if "fwmark" not in each and "fwmask" not in each:
        return Filter(_text(each, "device"), kind, None, ALL if kind in UNKNOWN else 0, *known)
    mask = _number(each, "fwmask", ALL)
    return Filter(_text(each, "device"), kind, _value(each), mask, *known)


def _reader(each: Json) -> MarkReader:
    table, chain, does = (_text(each, key) for key in ("table", "chain", "does"))
    return MarkReader(table, chain, does, _value(each), _number(each, "fwmask", ALL))


def _value(each: Json) -> int | None:
    return None if each.get("fwmark") is None else _number(each, "fwmark", 0)


def _objects(found: Json, key: str) -> list[Json]:
    given = found.get(key, [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise TypeError(f"'{key}' is not a list of objects")
    return given


def _text(each: Json, key: str) -> str:
    value = each.get(key, "")
    if not isinstance(value, str):
        raise TypeError(f"'{key}' is not str")
    return value


def _number(each: Json, key: str, default: int) -> int:
    value = each.get(key, default)
    number = values.read(lambda text: int(text, 0), value, key, RANGE) if isinstance(value, str) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= ALL:
        raise ValueError(f"'{key}' is not {RANGE}")
    return number
