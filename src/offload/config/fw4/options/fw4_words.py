"""Parse words and names as fw4 does: a string to a value; None if it is not valid.

Source: openwrt/firewall4, fw4.uc, parse_*.
"""

import re
from collections.abc import Callable
from typing import Any

from offload.config.numbers import IDENTIFIER

Parser = Callable[[str], Any]
LONGEST_NAME = 122  # of a zone or set: nft limits the length of names made of it
LONGEST_PATH = 255
_BOOLEANS = {**dict.fromkeys(["1", "on", "true", "yes"], True), **dict.fromkeys(["0", "off", "false", "no"], False)}
_PATH = r'/[^"\\\x00-\x1f\x7f]*'


def negation(value: str) -> tuple[str, bool]:
    """(value without a `!` at its beginning and without blanks around, whether it had the `!`)."""
    text = value.strip(" \t")
    return (text[1:].strip(" \t"), True) if text.startswith("!") else (text, False)


def boolean(value: str) -> bool | None:
    """True for 1, on, true, yes, False for 0, off, false, no, in lower case; None for other text."""
    return _BOOLEANS.get(value)


def enum(*words: str) -> Parser:
    """A parser that gives the first of `words` that begins with the value, in any case; None if none does.

    An empty value gives the first word.
    """

    def parse(value: str) -> str | None:
        start = value.lower()
        return next((word for word in words if word.lower().startswith(start)), None)

    return parse


policy = enum("accept", "reject", "drop")
_OF_RULES = ("accept", "reject", "drop", "notrack", "helper", "mark", "dscp")
rule_target = enum(*_OF_RULES)
target = enum(*_OF_RULES, "dnat", "snat", "masquerade")
reject_code = enum("tcp-reset", "port-unreachable", "admin-prohibited", "host-unreachable", "no-route")
reflection_source = enum("internal", "external")
include_type = enum("script", "nftables")
_POSITIONS = enum(
    *(f"{part}-{end}" for part in ("ruleset", "table", "chain") for end in ("prepend", "postpend", "append"))
)


def position(value: str) -> str | None:
    """The position of an nft include (`chain-append`), from its first letters; None: no such position.

    `postpend` means append.
    """
    found = _POSITIONS(value)
    return found.replace("postpend", "append") if found else None


def family(value: str) -> int | None:
    """0 (both families) for any, all and `*`; 4 for inet and words with a 4; 6 for other words with a 6; else None."""
    if value in {"any", "all", "*"}:
        return 0
    if value == "inet" or "4" in value:
        return 4
    return 6 if "6" in value else None


def text(value: str) -> str:
    """The text unchanged; every text is valid."""
    return value


def identifier(value: str) -> str | None:
    """The name of a zone or set, unchanged, if its characters are valid in nft and at most 122; else None.

    Keywords of nft are not refused.
    """
    return value if re.fullmatch(IDENTIFIER, value) and len(value) <= LONGEST_NAME else None


def zone(value: str) -> str | None:
    """The name of a zone as `identifier` takes it, or `*`; None: not valid.

    It is not checked whether the zone exists.
    """
    return value if value == "*" else identifier(value)


def path(value: str) -> str | None:
    """An absolute path, unchanged; None for others, for more than 255 characters, or if it is not safe in nft.

    Not safe are `"`, backslash and control characters.
    """
    return value if re.fullmatch(_PATH, value) and len(value) <= LONGEST_PATH else None
