"""Rules and chains of nftables, ours and others', as far as they matter to offloaded connections.

They are in the kernel, or in nft files that the firewall has not loaded yet.
"""

from ipaddress import IPv4Network, IPv6Network
from operator import attrgetter

from offload.nouns import asdict, dataclass

# Hooks of one device, also by family inet. Packets that software offloads meet their rules, those in hardware do not.
DEVICE_HOOKS = frozenset({"ingress", "egress"})
CONFIGURED = "!fw4: "  # prefix of the comments of rules from /etc/config/firewall


@dataclass(frozen=True, slots=True)
class LiveChain:
    """A chain that nf_tables lists, of any program's table."""

    family: str  # inet, ip, ip6, netdev or bridge
    table: str  # name of its table
    name: str  # of the chain
    hook: str = ""  # of a base chain, `forward` and so on; empty for other chains, and if the hook is not known
    priority: int = 0  # of a base chain; 0 for other chains
    devices: tuple[str, ...] = ()  # of a base chain on one of DEVICE_HOOKS
    drops: bool = False  # the policy of a base chain is drop


def _overlap(one: IPv4Network | IPv6Network | None, other: IPv4Network | IPv6Network | None) -> bool:
    return not one or not other or one.network_address in other or other.network_address in one


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """Values that a rule compares for equality, one for each field; empty, None or 0: any value.

    The rule's other conditions (sets, ranges, negations, wildcards, ...) are not in it.
    """

    iif: str = ""  # input device
    oif: str = ""  # output device
    family: str = ""  # ipv4 or ipv6
    src: IPv4Network | IPv6Network | None = None  # source address or network
    dest: IPv4Network | IPv6Network | None = None  # destination address or network
    proto: str = ""  # tcp or udp
    sport: int = 0  # source port
    dport: int = 0  # destination port

    def within(self, outer: "RuleMatch") -> "RuleMatch":
        """The conditions of this rule together with those of `outer`, a rule that jumps to this rule's chain.

        If both have a value for a field, the result has this rule's value.
        """
        if outer is EVERY_PACKET:  # as for most rules
            return self
        if EVERY_PACKET in (outer, self):
            return outer if self == EVERY_PACKET else self
        return RuleMatch(**(asdict(outer) | {name: value for name, value in asdict(self).items() if value}))

    def meets(self, other: "RuleMatch") -> bool:
        """Whether one packet may fit both: each field is equal in both, or empty in one.

        Of addresses it is enough that the networks overlap.
        """
        mine, theirs = _single(self), _single(other)
        same = all(not one or not another or one == another for one, another in zip(mine, theirs, strict=True))
        return same and _overlap(self.src, other.src) and _overlap(self.dest, other.dest)


EVERY_PACKET = RuleMatch()
_single = attrgetter("iif", "oif", "family", "proto", "sport", "dport")  # fields that are no networks


@dataclass(frozen=True, slots=True)
class LiveRule:
    """A rule in the kernel, as far as it matters to offloaded connections.

    `does`: its statements and verdicts, each once: drop, reject, limit, quota, queue, log, priority, mark, dscp, ttl,
    change (of another field of a header), accept, return, tproxy, dup, fwd, offload (to a flowtable), vmap (verdict by
    a map). Other statements are not in it; jumps are in `targets`.
    """

    family: str  # inet, ip, ip6, netdev or bridge
    table: str  # name of its table
    chain: str  # name of its chain
    does: tuple[str, ...] = ()  # statements and verdicts
    targets: tuple[str, ...] = ()  # chains that it jumps or goes to
    # properties that it reads and that may change in the life of a connection: length, ttl, flags, dscp, contents,
    # chance (a random or counted choice), time, state, packets and bytes (of the connection so far), connection (its
    # mark, labels or timeout, which programs and other rules set; also in `meta mark set ct mark`), ipset (elements of
    # an ipset)
    matches: frozenset[str] = frozenset()
    # (value, mask): `mark & mask` must be equal to the value; value None: it compares in another way (!=, a set)
    mark: tuple[int | None, int] | None = None
    comment: str = ""  # as its author wrote it
    ip_only: bool = False  # packets of TCP, UDP and GRE, which can be offloaded, never match it
    match: RuleMatch = EVERY_PACKET  # what it compares before its first statement in `does`
    marks: int = 0  # bits of the packet mark that it writes
    # by the connection's state or TCP flags it matches no packet of established connections, except perhaps TCP with
    # FIN or RST, which flowtables do not forward, and TCP with SYN or without ACK, which no normal connection has then
    opening: bool = False
    ends: bool = False  # all packets of established connections leave its chain here, accepted (with `asked`: maybe)
    # (name, how the rule uses it) of sets and maps whose elements have yet to be read, because `does`, `targets`,
    # `opening` and `ends` depend on them (verdict_maps.py); empty when that is done
    asked: tuple[tuple[str, str], ...] = ()
    sets: tuple[str, ...] = ()  # names of the sets and maps that it looks up, also of anonymous ones (`__set0`)
    # when the times that it compares may begin and end: seconds of a day in UTC; above 86,400: seconds since 1970
    edges: frozenset[int] = frozenset()
    digest: int = 0  # CRC-32 of its expressions, without what packets change there (counters)


Ruleset = tuple[tuple[LiveChain, ...], tuple[LiveRule, ...]]


@dataclass(frozen=True, slots=True)
class Deciding:
    """A summary of the rules, outside of offload's tables, that packets of established connections meet.

    If two of one process differ, such rules or their times have changed. `digest`: a hash of these rules. `maps`:
    (table, name) of what those with a verdict map look up: the map, and sets. Of those that may drop, or accept what a
    later one drops: `sets`, (table, name) of the sets that they look up; `edges`, when their times begin and end
    (seconds of a day in UTC, or above 86,400 since 1970).
    """

    digest: int = 0
    sets: frozenset[tuple[str, str]] = frozenset()
    edges: frozenset[int] = frozenset()
    maps: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class PacketRule:
    """A rule in nft, not of /etc/config/firewall, that must see every packet; offloaded packets bypass it.

    It is in the kernel or in a file not loaded yet, or it stands for the policy of a chain. Packets in software still
    meet rules on a hook of DEVICE_HOOKS. `does`: limit, quota, dscp, priority, mark, ttl, change (of headers), dup,
    offload (adds flows to a flowtable), queue or log; or if it drops packets, or accepts what a later rule drops: time
    (at some times), ban (by a set), quota (by the connection's packets or bytes so far) or drop (by another property
    that may change during a connection). In a chain that packets pass after ours, every other rule that drops is `drop`
    too. Different jumps to a rule make several of these.
    """

    table: str  # family and name: `inet fw4`
    chain: str  # name of its chain
    # from which packets reach it: prerouting, postrouting, forward (in family bridge instead input and output), or one
    # of DEVICE_HOOKS
    hook: str
    does: str  # why it must see every packet
    # what it, its hook and jumps to it compare for equality; only devices for a ban, and for all if they are very many
    match: RuleMatch = EVERY_PACKET
    comment: str = ""  # as its author wrote it; empty if `match` has been reduced to devices
    marks: int = 0  # bits of the mark that it writes


@dataclass(frozen=True, slots=True)
class MarkReader:
    """A rule in nft, not of /etc/config/firewall, that compares the packet mark and then drops, limits, ... packets.

    The drop or limit is in the rule, or in a chain that it jumps to.
    """

    table: str  # family and name
    chain: str  # name of its chain
    does: str  # one word, as in `does` of a LiveRule
    # value that `mark & fwmask` must be equal to; None: it compares in another way (!=, a set), so any mark may match
    fwmark: int | None
    fwmask: int  # bits of the mark that it reads


@dataclass(frozen=True, slots=True)
class UnloadedFile:
    """An nft file with rules that the firewall loads at its next start or reload.

    `rules`: those of its new rules that must see every packet. `why`: why the file was not read; empty: it was.
    """

    path: str
    rules: tuple[PacketRule, ...] = ()
    why: str = ""
