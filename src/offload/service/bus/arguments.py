"""Check the arguments of ubus calls. Pure; any input may be hostile.

The functions but `shown` give a typed value, or raise a UsageError with a sentence, mostly an ArgumentError.
"""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from offload.compiler.offload.exempts.exempt_sets import exempt_rules
from offload.compiler.offload.exempts.timed_exempts import LONGEST_COMMENT, comment
from offload.config.choices import offload
from offload.errors import UsageError
from offload.model.config import Config, Mode
from offload.model.flow import Tuple
from offload.model.plan import ExemptMatch, Plan, TimedExempt
from offload.model.sections.exempts import ENDS, Exempt
from offload.model.sections.fields import FIELDS, combinations
from offload.model.sections.section import Section
from offload.model.text.similar import did_you_mean
from offload.service.memory.timed_exempts import LAST_SECONDS
from offload.status.query import Query
from offload.status.why.connection import number_of
from offload.status.why.reasons import protocol

LONGEST_SHOWN = 60
SHORTEST_TIMEOUT = int(LAST_SECONDS) + 1  # seconds; a shorter one would be over before the kernel has it
LONGEST_TIMEOUT = 30 * 24 * 3600  # seconds
MOST_VALUES = 256  # combinations of listed values; each is an element in the kernel
CONNECTION = frozenset({"proto", "src", "sport", "dest", "dport"})  # of a flow in a reply
MATCHES = (*ENDS, *(each.name for each in FIELDS))
CHOOSING = ("zone", "host", "state")


class ArgumentError(UsageError):
    """An argument of a ubus call is not valid.

    The sentence says which or why, and what may be given where that can be listed.
    """


def shown(value: object) -> str:
    """A caller's value as text in single quotes, for the sentence of an error.

    Each unprintable character becomes `?`. Of a text longer than LONGEST_SHOWN (60) characters the rest becomes `...`.
    """
    text = "".join(char if char.isprintable() else "?" for char in str(value)[: LONGEST_SHOWN + 1])
    return f"'{text}'" if len(text) <= LONGEST_SHOWN else f"'{text[:LONGEST_SHOWN]}...'"


def zone(name: str, value: object, config: Config) -> str:
    """The value, if it is the name of a firewall zone in `config`; else ArgumentError.

    `name`: of the argument, for the error.
    """
    known = [each.name for each in config.zones]
    if isinstance(value, str) and value in known:
        return value
    hint = did_you_mean(str(value), known)
    raise ArgumentError(f"{name}: there is no zone {shown(value)}{hint}; the zones: {', '.join(known) or 'none'}")


def end(name: str, value: object, config: Config) -> str:
    """The value, if it is the name of a firewall zone in `config` or `*` (every zone); else ArgumentError.

    `name`: of the argument, for the error.
    """
    return "*" if value == "*" else zone(name, value, config)


def mode(value: object) -> Mode:
    """The Mode that the value names (none, software or hardware, whatever the case of letters); else ArgumentError."""
    words = [each.value for each in Mode]
    if isinstance(value, str) and value.lower() in words:
        return Mode(value.lower())
    hint = did_you_mean(str(value), words)
    raise ArgumentError(f"mode: {shown(value)} is no mode{hint}: write none, software or hardware")


def number(name: str, value: object, low: int, high: int) -> int:
    """The value, if it is an int from `low` to `high` (a bool or text is not); else ArgumentError.

    `name`: of the argument, for the error.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise ArgumentError(f"{name}: {shown(value)} is not a whole number from {low} to {high}")


def table(name: str, value: object) -> Mapping[str, Any]:
    """The value, if it is a JSON object; else ArgumentError. `name`: of the argument, for the error."""
    if isinstance(value, dict):
        return value
    raise ArgumentError(f"{name}: {shown(value)} is not a table")


def connection(value: object) -> tuple[str, Tuple]:
    """(protocol, original direction) of the connection that `value` describes; else ArgumentError.

    `value`: `{"proto", "src", "sport", "dest", "dport"}`, as a flow in a reply has them, and maybe `ct_zone`
    (conntrack's zone; else 0); no other key. Both addresses are of one family. `proto` may also be a number or in
    capitals; the result has it as replies do.
    """
    given = table("flow", value)
    if given.keys() - {"ct_zone"} != CONNECTION:
        raise ArgumentError(f"flow: name one connection by {', '.join(sorted(CONNECTION))}, and nothing else")
    src, dest = (_address(f"flow {end}", given[end]) for end in ("src", "dest"))
    sport, dport = (number(f"flow {port}", given[port], 0, 65_535) for port in ("sport", "dport"))
    ct_zone = number("flow ct_zone", given.get("ct_zone", 0), 0, 65_535)
    if len(src) != len(dest):
        raise ArgumentError("flow: src and dest are addresses of two families, IPv4 and IPv6")
    return _protocol(given["proto"]), Tuple(src, dest, sport, dport, ct_zone)


def _protocol(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    try:
        return protocol(number_of(text if isinstance(text, str) else ""))
    except UsageError:
        raise ArgumentError(
            f"flow proto: {shown(value)} is no protocol: write it as 'flows' shows it, such as tcp, or its number"
        ) from None


def _address(name: str, value: object) -> bytes:
    try:
        # conntrack has no scope (`fe80::1%br-lan`): without it another connection could be meant
        return ip_address(value if isinstance(value, str) and "%" not in value else "").packed
    except ValueError:
        raise ArgumentError(f"{name}: {shown(value)} is not an IPv4 or IPv6 address") from None


def exempt(given: Mapping[str, Any], zones: Collection[str]) -> Exempt:
    """The Exempt (traffic that must not be offloaded) that `given` describes by options of a `config exempt` section.

    ArgumentError if an option is unknown (also `name` and `enabled`), not valid, or names a zone that is not in
    `zones`; or if nft sets cannot hold the exempt as elements with a timeout. They can if it has an address, MAC, port
    or whole mark without `!`, at most MOST_VALUES (256) combinations of the values in its lists, and zone names and
    exclusions that are short enough together.
    """
    unknown = next((word for word in given if word not in MATCHES), None)
    if unknown is not None:
        hint = did_you_mean(str(unknown), MATCHES)
        raise ArgumentError(f"match: {shown(unknown)} cannot be matched{hint}: use {', '.join(MATCHES)}")
    section = Section("offload", "exempt", "match", "match", {word: _value(word, each) for word, each in given.items()})
    read = offload.load((section,), frozenset(zones))
    if read.problems:
        raise ArgumentError(
            "; ".join(f"{each.option or 'match'}: {each.text.partition('; ')[0]}" for each in read.problems)
        )
    (found,) = read.exempts
    _fits(found)
    return found


def _value(word: str, value: object) -> str | tuple[str, ...]:
    # as UCI has it: a text, or a tuple of texts for a list; JSON's true and false have no such form
    values = value if isinstance(value, list) else [value]
    texts = [str(each) for each in values if isinstance(each, (str, int)) and not isinstance(each, bool)]
    if len(texts) < len(values) or len(texts) > MOST_VALUES:
        raise ArgumentError(f"match: {word} is neither text nor a list of at most {MOST_VALUES} texts")
    return tuple(texts) if isinstance(value, list) else texts[0]


def _fits(found: Exempt) -> None:
    # raises if the kernel cannot hold it as elements with a timeout: these need a key, and a comment that is short
    # enough
    if combinations(found.match) > MOST_VALUES:
        raise ArgumentError(f"match: its lists make more than {MOST_VALUES} combinations")
    timed_exempt = TimedExempt(999_999_999, found, 1, 1)
    rules = exempt_rules([ExemptMatch(found, timed_exempt=timed_exempt)])
    if len(rules.sets) < len(rules.rules) or not rules.sets:
        raise ArgumentError(
            "match: an exempt that ends by itself needs an address, MAC, port or whole mark without ! in front; "
            "others can only be a 'config exempt' section"
        )
    if len(comment(timed_exempt)) > LONGEST_COMMENT:
        raise ArgumentError(
            "match: the names of its zones, and what it excludes, are too long to be kept in the kernel"
        )


def configured_exempt(value: object, sections: Iterable[Section]) -> Section:
    """The `config exempt` whose id is the value, or, if there is none, whose option `name` is; else ArgumentError.

    `sections`: of /etc/config/offload, of any type. ArgumentError also if several have this name.
    """
    exempts = [each for each in sections if each.type == "exempt"]
    named = [each for each in exempts if each.options.get("name") == value]
    found = [each for each in exempts if each.id == value] or named
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(each.id for each in found)
        raise ArgumentError(f"name: {len(found)} exempts have the name {shown(value)}: choose one of {several}")
    known = [word for each in exempts for word in (each.id, each.options.get("name")) if isinstance(word, str)]
    raise ArgumentError(
        f"name: /etc/config/offload has no exempt {shown(value)}{did_you_mean(str(value), known)}: "
        "'offload exempt list' shows all"
    )


def chosen(given: Mapping[str, Any], plan: Plan) -> Query:
    """Make a Query of the object that `given` has as `query`: any of zone, host and state; `{}` selects all flows.

    ArgumentError if the object has another key, such as limit, or if `query` is missing or no JSON object; QueryError
    for a bad value or a zone that is not in `plan`.
    """
    words = table("query", given.get("query"))
    if unknown := [word for word in words if word not in CHOOSING]:
        raise ArgumentError(f"query: {shown(unknown[0])} does not choose flows: use {', '.join(CHOOSING)}")
    return Query.of(words, [zone.name for zone in plan.zones])
