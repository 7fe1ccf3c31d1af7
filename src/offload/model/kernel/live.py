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
    """Split the comment of a rule in the kernel into (fingerprint, digests, misses); ("", {}, False): it is not ours.

    Fingerprint: a hash of the rule and its chain. Digests: {name of the set that the rule looks up: hash of the
    elements that we sent to it}, so that they need not be listed; {}: the comment has none. Misses: whether the rule
    counts packets that could not be stored because a set was full.
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
    """One of our tables as the kernel lists it, or as it would list a table that is wanted.

    The kernel prints rules in words of its own, so each of our rules has in its comment a hash of what we sent, the
    fingerprint. Devices are compared one by one: the kernel drops those that go away, others may change our tables. If
    it has elements of a form that we never write, it is given empty here, so that it differs.
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


Strays = Mapping[tuple[str, str], int]  # slow packets of flows that the kernel marks as in hardware, by (iif, oif)
