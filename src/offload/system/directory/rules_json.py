"""The keys `packet_rules` and `unloaded` of snapshot.json: nft rules that must see every packet of a connection. Pure.

`"packet_rules": [{"table", "chain", "hook", "does", "match": {...}, "comment", "marks"}]`: the fields of PacketRule;
`match` has the fields of RuleMatch that are not empty. `"unloaded": [{"path", "rules", "why"}]`: the fields of
UnloadedFile, with `rules` as in `packet_rules`.
"""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from offload.model.kernel.live_rule import PacketRule, RuleMatch, UnloadedFile
from offload.nouns import asdict
from offload.system.directory import values

Json = dict[str, Any]
WORDS = ("iif", "oif", "family", "proto")
NETWORKS = ("src", "dest")
NUMBERS = ("sport", "dport")


def packet_rules_json(rules: Iterable[PacketRule]) -> list[Json]:
    """The value of the key `packet_rules`: an object for each of these rules, its `match` without empty fields.

    Comments are emptied, because people wrote them and they may be private.
    """
    return [asdict(rule) | {"match": _match_json(rule.match), "comment": ""} for rule in rules]


def _match_json(match: RuleMatch) -> Json:
    found = {name: value for name, value in asdict(match).items() if value}
    return {name: str(value) if name in NETWORKS else value for name, value in found.items()}


def packet_rules(found: Json) -> tuple[PacketRule, ...]:
    """The rules under the key `packet_rules` in the content of snapshot.json (`found`); `()` without the key.

    TypeError or ValueError, which names the key, if a value is not valid.
    """
    given = found.get("packet_rules", [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise TypeError("'packet_rules' is not a list of objects")
    return tuple(map(_rule, given))


def unloaded_json(files: Iterable[UnloadedFile]) -> list[Json]:
    """The value of the key `unloaded`: an object for each of these files, with `rules` as of `packet_rules_json`."""
    return [{"path": each.path, "rules": packet_rules_json(each.rules), "why": each.why} for each in files]


def unloaded_file(each: Json) -> UnloadedFile:
    """Make an UnloadedFile, an nft file that the firewall has yet to load, from one entry of the key `unloaded`.

    TypeError or ValueError, which names the key (`packet_rules` for `rules`), if a value is not valid; an absent key
    has an empty value.
    """
    rules = packet_rules({"packet_rules": each.get("rules", [])})
    path, why = (values.typed(str, each.get(key, ""), f"unloaded: {key}") for key in ("path", "why"))
    return UnloadedFile(path, rules, why)


def _rule(each: Json) -> PacketRule:
    table, chain, hook, does, comment = (
        _of(str, each, key, "") for key in ("table", "chain", "hook", "does", "comment")
    )
    return PacketRule(
        table, chain, hook, does, _match(_of(dict, each, "match", {})), comment, _of(int, each, "marks", 0)
    )


def _match(each: Json) -> RuleMatch:
    given: Json = {key: _of(str, each, key, "") for key in WORDS} | {key: _of(int, each, key, 0) for key in NUMBERS}
    networks = {
        key: values.read(ip_network, each[key], f"packet_rules: {key}", "an address or network")
        for key in NETWORKS
        if key in each
    }
    return RuleMatch(**given | networks)


def _of(kind: type, each: Json, key: str, default: Any) -> Any:
    return values.typed(kind, each.get(key, default), f"packet_rules: {key}")
