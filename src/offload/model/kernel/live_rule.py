"""Rules and chains of the live ruleset, whoever made them, as far as they treat packets one by one."""

from ipaddress import IPv4Network, IPv6Network

from offload.nouns import asdict, dataclass


@dataclass(frozen=True, slots=True)
class LiveChain:
    """A chain. `hook`: of a base chain its hook (`forward`), of others empty; these have no `priority` either."""

    family: str  # inet, ip or ip6
    table: str  # name of its table
    name: str  # of the chain
    hook: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """The comparisons of a rule for equality with one value; empty or 0 means any.

    `family`: ipv4 or ipv6, `proto`: tcp or udp. Sets, ranges and negations are not here, so it may be wider than the
    rule.
    """

    iif: str = ""  # input device
    oif: str = ""  # output device
    family: str = ""
    src: IPv4Network | IPv6Network | None = None  # source address or network
    dest: IPv4Network | IPv6Network | None = None  # destination address or network
    proto: str = ""
    sport: int = 0  # source port
    dport: int = 0  # destination port

    def within(self, outer: "RuleMatch") -> "RuleMatch":
        """This match for packets that have met the other one before, in a rule that jumps here."""
        if EVERY_PACKET in (outer, self):
            return outer if self == EVERY_PACKET else self
        return RuleMatch(**(asdict(outer) | {name: value for name, value in asdict(self).items() if value}))


EVERY_PACKET = RuleMatch()


@dataclass(frozen=True, slots=True)
class LiveRule:
    """A rule.

    `does`: its statements and verdicts in their order: drop, reject, limit, quota, queue, log, priority, mark, dscp,
    ttl, accept, vmap (a verdict by a map); `targets`: the chains that it jumps to.
    `matches`: what it compares of single packets: length, ttl, flags, time, state, and packets (how many there were).
    `match`: what it compares for equality before it does anything.
    `mark`: the comparison of the packet mark as (value, mask), of which None as value means one that is not known.
    `marks`: the bits of the packet mark that it writes.
    `ip_only`: TCP and UDP packets never match it. `opening`: packets of established connections never match it.
    `sets`: the sets that it looks up; `edges`: when its times begin and end, in seconds of a day in UTC, or, above a
    day, since 1970; `digest` is another where the rule is another, whatever its counters say.
    """

    family: str  # inet, ip or ip6
    table: str  # name of its table
    chain: str  # name of its chain
    does: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    matches: frozenset[str] = frozenset()
    mark: tuple[int | None, int] | None = None
    comment: str = ""  # as its author wrote it
    ip_only: bool = False
    match: RuleMatch = EVERY_PACKET
    marks: int = 0
    opening: bool = False
    sets: tuple[str, ...] = ()
    edges: frozenset[int] = frozenset()
    digest: int = 0


@dataclass(frozen=True, slots=True)
class Deciding:
    """The inputs of decisions about established packets: a digest of the rules, their sets (table, name), and times."""

    digest: int = 0
    sets: frozenset[tuple[str, str]] = frozenset()
    edges: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PacketRule:
    """A rule in nft, not one of /etc/config/firewall, that treats packets one by one: offloaded packets bypass it.

    `table` has its family before it. `does`: limit, quota, priority, dscp, mark, ttl, queue, drop (by length, flags or
    TTL), time (drops at some times), ban (drops by a set), log. `marks`: the bits of the mark that it writes.
    """

    table: str
    chain: str  # name of its chain
    hook: str  # from which packets reach it: prerouting, forward or postrouting
    does: str
    match: RuleMatch = EVERY_PACKET  # its comparisons for equality
    comment: str = ""  # as its author wrote it
    marks: int = 0
