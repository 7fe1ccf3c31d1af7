"""Our tables in the kernel: chains and rules from nfnetlink, elements of sets from `nft -j list`."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from offload.nouns import dataclass, field

STATION_SETS = {  # of both tables, where the port of a station decides: name -> type
    "stations": "ifname . ether_addr",
    "stations4": "ifname . ipv4_addr",
    "stations6": "ifname . ipv6_addr",
}
STRAY_SET = "stray"  # of a hardware table: counts packets of its flows that took the slow path, by (iif, oif)
FINGERPRINT = "offload "  # stands before a rule's fingerprint in its comment
MISSED = "missed"  # last word of the comment of the rule that counts packets which a full set could not store
COMMENT = re.compile(r"offload ([0-9a-f]{12})(?: (\w{1,90})=([0-9a-f]{12}))?( missed)?", re.ASCII)


def marks(comment: str) -> tuple[str, dict[str, str], bool]:
    """Split a rule's comment, `offload HASH [SET=HASH] [missed]`, into (fingerprint, {set: digest}, misses).

    Fingerprint: the hash of the rule and its chain. Digest: the hash of the elements that offload sent to a set which
    the rule looks up; {}: the comment has none. Misses: the rule counts packets that a full set could not store. The
    result for a comment of another form is ("", {}, False).
    """
    found = COMMENT.fullmatch(comment)
    if not found:
        return "", {}, False
    mark, name, digest, misses = found.groups()
    return mark, {name: digest} if name else {}, bool(misses)


class TimedElement(NamedTuple):
    """An element of a set of our tables that has a timeout: the kernel removes it when that is over."""

    set: str  # name of its set
    key: str  # as nft text
    comment: str  # of the element
    timeout: int  # seconds in all
    expires: int  # seconds that are left


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table of offload as the kernel lists it, or as the kernel would list the wanted table; `==` compares both.

    Rules are given by the hash in their comment (fingerprint), not by their text. A table of the kernel with elements
    that cannot be parsed has no contents here.
    """

    name: str  # of the table
    devices: frozenset[str] = frozenset()  # of its flowtable
    # by set or map, as nft text (of a map `KEY : VERDICT`); without sets that packets fill, and elements that end in
    # less than 2 seconds; the station sets are empty
    elements: Mapping[str, frozenset[str]] = field(default_factory=dict)
    # by chain, the fingerprints of its rules in order; an empty text for a rule that is not ours
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)  # by set, from the comments of the rules that look it up
    counter: bool = True  # its flowtable has the statement `counter`
    # the elements with a timeout once more, with their remaining time; not compared
    timed: tuple[TimedElement, ...] = field(default=(), compare=False)
    # packets of replies that found the set of accepted replies full; not compared
    missed: int = field(default=0, compare=False)


# A rule of a table as (its chain, its handle, the handle of the table). Handles of rules begin anew in a table that was
# deleted and made again, as `fw4 restart` does; the handle of such a table is a new one.
RuleId = tuple[str, int, int]
Strays = Mapping[tuple[str, str], int]  # slow packets of flows that the kernel marks as in hardware, by (iif, oif)
