"""Parsers for the options of /etc/config/offload: a UCI string to a typed value, or a Bad if it is not valid."""

import re
from typing import Any

from offload.config.fw4.options import fw4_values, fw4_words
from offload.config.numbers import DSCP, IDENTIFIER
from offload.config.schema import Bad, Parser
from offload.model.config import Family, Mode
from offload.model.log import LogLevel
from offload.model.network import DEVICE_NAME
from offload.model.problems.problem import ProblemCode
from offload.model.sections.match import WHOLE_DSCP, Address, Bits, Item
from offload.model.text import networks
from offload.model.text.similar import did_you_mean

TRUE, FALSE = {"1", "on", "true", "yes"}, {"0", "off", "false", "no"}
CHOICES = "{words} or {last}"
LONGEST_ZONE_NAME = 122  # fw4 makes chain names of it, and nft refuses longer ones
MAC = re.compile(r"([0-9a-f]{2})[:-]" * 5 + r"([0-9a-f]{2})", re.ASCII | re.IGNORECASE)
HIGHEST_PORT = 65535
# nf_flow_table takes TCP, UDP and GRE only (net/netfilter/nft_flow_offload.c).
NEVER_OFFLOADED = frozenset(
    {"icmp", "icmpv6", "ipv6-icmp", "igmp", "esp", "ah", "sctp", "1", "58", "2", "50", "51", "132"}
)
_TCP, _UDP, GRE = Item("tcp"), Item("udp"), Item("gre")
PROTOCOLS = {"tcp": (_TCP,), "udp": (_UDP,), "tcpudp": (_TCP, _UDP), "gre": (GRE,)}
PROTOCOLS |= {"6": (_TCP,), "17": (_UDP,), "47": (GRE,)}


def text(value: str) -> str:
    """The text unchanged; every text is valid."""
    return value


def boolean(value: str) -> bool | Bad:
    """True for 1, on, true, yes, False for 0, off, false, no, in lower case as in fw4; a Bad for other text."""
    if value in TRUE | FALSE:
        return value in TRUE
    return Bad(ProblemCode.BAD_BOOL, {"value": value})


def choice(*words: str) -> Parser:
    """A parser that gives a text unchanged if it is one of `words`, in the same case; else a Bad that names them."""

    def parse(value: str) -> str | Bad:
        return value if value in words else _unknown(value, words)

    return parse


def _unknown(value: str, words: tuple[str, ...]) -> Bad:
    choices = CHOICES.format(words=", ".join(words[:-1]), last=words[-1])
    return Bad(ProblemCode.BAD_CHOICE, {"value": value, "choices": choices, "hint": did_you_mean(value, words)})


def mode(value: str) -> Mode | Bad:
    """The mode that `none`, `software` or `hardware` names, in any case; a Bad for other text."""
    word = choice(*(each.value for each in Mode))(value.lower())
    return word if isinstance(word, Bad) else Mode(word)


def log_level(value: str) -> LogLevel | Bad:
    """The syslog priority that err, warning, notice, info or debug names, in any case; a Bad for other text."""
    word = choice(*(level.word for level in LogLevel))(value.lower())
    return word if isinstance(word, Bad) else LogLevel.of(word)


def family(value: str) -> Family | Bad:
    """The address family that `any`, `ipv4` or `ipv6` names, in lower case; a Bad for other text."""
    if value in {"any", "ipv4", "ipv6"}:
        return Family(value)
    return Bad(ProblemCode.BAD_FAMILY, {"value": value})


def number(low: int, high: int) -> Parser:
    """A parser for a decimal number from `low` to `high`; a Bad for other text, or for more digits than `high` has."""

    def parse(value: str) -> int | Bad:
        # isdecimal also accepts digits of other scripts
        if value.isascii() and value.isdecimal() and len(value) <= len(str(high)) and low <= int(value) <= high:
            return int(value)
        return Bad(ProblemCode.BAD_NUMBER, {"value": value, "low": low, "high": high})

    return parse


def identifier(value: str) -> str | Bad:
    """The name of a zone, unchanged, if its characters are valid and at most 122 (LONGEST_ZONE_NAME); else a Bad."""
    if re.fullmatch(IDENTIFIER, value) and len(value) <= LONGEST_ZONE_NAME:
        return value
    return Bad(ProblemCode.BAD_NAME, {"value": value})


def zone(value: str) -> str | Bad:
    """The name of a zone as `identifier` takes it, or `*`; else a Bad. It is not checked whether the zone exists."""
    return value if value == "*" else identifier(value)


def device(value: str) -> str | Bad:
    """The name of a network device, unchanged, if it is safe in nft text (DEVICE_NAME) and not `.` or `..`; else a Bad.

    It is not checked whether the device exists.
    """
    if DEVICE_NAME.fullmatch(value) and value not in {".", ".."}:
        return value
    return Bad(ProblemCode.BAD_DEVICE, {"value": value})


def negatable(parse: Parser) -> Parser:
    """A parser for a value with or without a `!` before it: with it, `negated` of the result is True.

    `parse` reads the text after the `!`, or all of it, and its result must have the field `negated`. Blanks around `!`
    are ignored. A Bad of `parse` is returned with the whole text, `!` included.
    """

    def parsed(value: str) -> Any:
        text, negated = fw4_words.negation(value)
        found = parse(text) if negated else parse(value)
        if isinstance(found, Bad):
            return Bad(found.fault, {**found.words, "value": value})
        return found._replace(negated=True) if negated else found

    return parsed


def network(value: str) -> Address | Bad:
    """An IPv4 or IPv6 address, or a network with a prefix length, or in IPv4 with a netmask; host bits are cleared.

    `::ffff:192.0.2.1` is the IPv4 address. A Bad for other text, also for ranges, names and IPv6 zone ids.
    """
    found = networks.network(value)
    return networks.as_address(found) if found else Bad(ProblemCode.BAD_ADDRESS, {"value": value})


def mac(value: str) -> Item | Bad:
    """A MAC address, in lower case with colons; the text may have dashes or upper case. A Bad for other text."""
    if MAC.fullmatch(value):
        return Item(value.lower().replace("-", ":"))
    return Bad(ProblemCode.BAD_MAC, {"value": value})


def ports(value: str) -> Item | Bad:
    """A port from 0 to 65535, or a range `low-high` or `low:high` (the result has a hyphen); a Bad for others."""
    parse = number(0, HIGHEST_PORT)
    ends = [parse(part) for part in re.split("[-:]", value)]
    match ends:
        case [int(one)]:
            return Item(str(one))
        case [int(low), int(high)] if low <= high:
            return Item(str(low) if low == high else f"{low}-{high}")
    return Bad(ProblemCode.BAD_PORT, {"value": value})


def protocol(value: str) -> tuple[Item, ...] | Bad:
    """The protocols of one word, as Items with the text `tcp`, `udp` or `gre`; () means all protocols.

    The words are `tcp`, `udp`, `tcpudp`, `gre` (in any case), `6`, `17` and `47`; for all: `all`, `any` (in lower case)
    and `*`. For others a Bad: NEVER_OFFLOADED for ICMP, ESP, ..., otherwise BAD_PROTOCOL.
    """
    if value in {"all", "any", "*"}:
        return ()
    never = value.lower() in NEVER_OFFLOADED
    refused = ProblemCode.NEVER_OFFLOADED if never else ProblemCode.BAD_PROTOCOL
    return PROTOCOLS.get(value.lower()) or Bad(refused, {"value": value})


def mark(value: str) -> Bits | Bad:
    """A packet mark, `value[/mask]` in decimal or 0xhex; without a mask all 32 bits.

    A Bad for other text, also with `!`, and for a value with bits outside of the mask.
    """
    found = fw4_values.mark(value)
    if found is None or found.negated or found.value & ~found.mask:
        return Bad(ProblemCode.BAD_MARK, {"value": value})
    return found


def dscp(value: str) -> Bits | Bad:
    """A DSCP value by its class (EF, AF11, CS1) in any case, or as a number from 0 to 63; a Bad for other text.

    The mask of the result has all six bits.
    """
    if value.lower() in DSCP:
        return Bits(DSCP[value.lower()], WHOLE_DSCP)
    parsed = number(0, WHOLE_DSCP)(value)
    return Bad(ProblemCode.BAD_DSCP, {"value": value}) if isinstance(parsed, Bad) else Bits(int(parsed), WHOLE_DSCP)
