"""The table of conditions that an exempt can have besides its two zones, one row for each.

A row is a field of Match. It gives the option of `config exempt` and of `offload exempt add`, its parser (by its Kind)
and its JSON; and, where it has them, its part of nft sets' keys and its value in conntrack.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from offload.model.sections.kinds import DSCP, MAC, MARK, NETWORK, PORT, PROTOCOL, Kind
from offload.model.sections.match import EVERYTHING, Match, excluded, wanted


class Field(NamedTuple):
    """A condition that an exempt can have: one row of the table that parser, nft, conntrack and JSON share."""

    name: str  # of the UCI option, of Match's field and of the JSON key
    kind: Kind  # how its values are parsed and written
    help: str  # sentence for `--help`
    key: str  # the nft expression, with blanks for `ip` or `ip6` and for the protocol
    word: str = ""  # its part of an nft set's name; empty: no set can hold it
    type: str = ""  # its part of an nft set's key type
    host: bool = False  # it names a host, so an exempt of it alone is allowed
    port: bool = False  # only TCP and UDP have it
    # reads the value from a conntrack entry; None: conntrack has no such value
    conntrack: Callable[[Any], Any] | None = None

    @property
    def many(self) -> bool:
        """Whether a match can have several values for this condition, as a tuple."""
        return isinstance(getattr(EVERYTHING, self.name), tuple)

    def given(self, match: Match) -> bool:
        """Whether the match has this condition: the field of this name is neither None nor ()."""
        return getattr(match, self.name) not in {None, ()}

    def values(self, match: Match) -> tuple[Any, ...]:
        """The match's values for this condition, negated ones included, as a tuple; (): none."""
        value = getattr(match, self.name)
        return value if self.many else () if value is None else (value,)

    def narrows(self, match: Match) -> bool:
        """Whether the match has this condition and it can exclude packets: a mark with mask 0 cannot.

        Ports 0-65535 and 0.0.0.0/0 count as narrowing.
        """
        return self.given(match) and not self.kind.anything(getattr(match, self.name))

    def text(self, value: Any) -> str:
        """A value as UCI writes it, with `!` before a negated one."""
        return f"{'!' if value.negated else ''}{self.kind.text(value)}"

    def read(self, text: str) -> Any:
        """The value for a text that the method `text` made of it.

        ValueError: the text cannot be parsed. Not all wrong text is found.
        """
        value = self.kind.read(text.removeprefix("!"))
        return value._replace(negated=True) if text.startswith("!") else value

    def json(self, match: Match) -> Any:
        """The match's values for this condition as UCI writes them: a list of texts, or one text if `many` is False.

        IndexError: `many` is False and the match has no value.
        """
        texts = [self.text(each) for each in self.values(match)]
        return texts if self.many else texts[0]

    def test(self, match: Match) -> Callable[[Any], bool]:
        """A function (value of a conntrack entry) -> whether it fulfils this condition, which the match must have.

        It must be among the values without `!`, if there are any, and not among those with `!`. If an address condition
        has only values with `!`, the address must be of their families.
        """
        values = self.values(match)
        without, good = excluded(values), wanted(values)
        if not without:
            return self.kind.test(good)
        kept, left_out = good or self.kind.others(without), self.kind.test(without)
        among = self.kind.test(kept)
        return lambda value: (not kept or among(value)) and not left_out(value)


# In the order of a set's key. Conntrack has destinations after they were translated in the
# source of replies.
FIELDS = (
    Field(
        "src_ip",
        NETWORK,
        "an address or network that opens it",
        "{ip} saddr",
        "saddr",
        "{ip}_addr",
        host=True,
        conntrack=attrgetter("original.src"),
    ),
    Field(
        "dest_ip",
        NETWORK,
        "an address or network that it leads to",
        "{ip} daddr",
        "daddr",
        "{ip}_addr",
        host=True,
        conntrack=attrgetter("reply.src"),
    ),
    Field(
        "src_port",
        PORT,
        "a port or range (8000-8080) that it comes from",
        "{proto} sport",
        "sport",
        "inet_service",
        port=True,
        conntrack=attrgetter("original.sport"),
    ),
    Field(
        "dest_port",
        PORT,
        "a port or range that it leads to",
        "{proto} dport",
        "dport",
        "inet_service",
        port=True,
        conntrack=attrgetter("reply.sport"),
    ),
    Field("src_mac", MAC, "a MAC address that opens it", "ether saddr", "mac", "ether_addr", host=True),
    Field("proto", PROTOCOL, "tcp, udp, tcpudp, gre or all", "meta l4proto", conntrack=attrgetter("proto")),
    Field("mark", MARK, "the packet's mark: a number or 0xhex, optionally /mask", "meta mark", "mark", "mark"),
    Field("dscp", DSCP, "a class (EF, AF11, CS1) or 0 to 63", "{ip} dscp"),
)
KEYS = {each.name: each.key for each in FIELDS}  # firewall rules use the same names
LISTS = tuple(each.name for each in FIELDS if each.many)
IN_CONNTRACK = tuple(each for each in FIELDS if each.conntrack)


def without_negated(match: Match) -> Match:
    """A wider copy of the match: without the negated values (`!`) of the conditions in FIELDS.

    A condition with only negated values is then absent. Conditions that are not in FIELDS stay.
    """
    found: dict[str, Any] = {each.name: wanted(each.values(match)) for each in FIELDS}
    found |= {each.name: next(iter(found[each.name]), None) for each in FIELDS if not each.many}
    return match._replace(**found)


def names_a_host(match: Match) -> bool:
    """Whether the match has a source address, destination address or source MAC that is not negated."""
    return any(wanted(each.values(match)) for each in FIELDS if each.host)


def combinations(match: Match) -> int:
    """How many combinations of single values the match means: the product of the lengths of its lists (LISTS).

    An empty list counts as 1.
    """
    count = 1
    for name in LISTS:
        count *= max(len(getattr(match, name)), 1)
    return count
