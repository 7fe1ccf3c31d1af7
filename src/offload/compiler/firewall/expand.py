"""A section's Match -> matches of one family and one protocol each, which is what one nft rule can hold.

A condition that nothing can meet (a network without addresses, a protocol without ports in a section with ports) gives
no match at all, whatever the section's target is. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from offload.model.kernel.nft import Set
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import Origin, RouterNetwork
from offload.model.sections.match import MASKED, Address, IcmpType, Item, Match, NetworkName, SetMatch
from offload.model.text.addresses import WIDTH, network

PORTS = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})
IPV4, IPV6 = 4, 6
ANY, ICMP, ICMPV6 = "any", "icmp", "ipv6-icmp"
TCP, UDP = (Item("tcp"),), (Item("udp"),)
BOTH_ICMP = (Item(ICMP), Item(ICMPV6))

Addresses = tuple[Address, ...]
Networks = Mapping[str, RouterNetwork]


class Split(NamedTuple):
    """The addresses of a condition by family. `family`: the only one it has, 0 for both or no condition."""

    v4: Addresses = ()
    v6: Addresses = ()
    family: int = 0

    def of(self, family: int) -> Addresses:
        """The addresses of one family."""
        return self.v4 if family == IPV4 else self.v6


NO_ADDRESSES = Split()


def split(given: Sequence[Address | NetworkName], networks: Networks) -> Split | None:
    """Put a condition's addresses in place of the names of networks; None where nothing can meet it any more."""
    if not given:
        return NO_ADDRESSES
    found: list[Address] = []
    wanted = False
    for each in given:
        wanted = wanted or not each.negated
        if isinstance(each, Address):
            found.append(each)
        else:
            known = networks.get(each.name, RouterNetwork()).addresses
            found.extend(_negated(address) if each.negated else address for address in known)
    if wanted and all(each.negated for each in found):
        return None
    v4 = tuple(each for each in found if each.family == IPV4)
    v6 = tuple(each for each in found if each.family == IPV6)
    return Split(v4, v6, (0 if v4 and v6 else IPV4 if v4 else IPV6) if found else 0)


def _negated(each: Address) -> Address:
    return Address(each.family, each.value, each.bits, each.text, each.mask, each.last, negated=True)


def groups(addresses: Addresses) -> tuple[Addresses, ...]:
    """Alternatives that one rule cannot hold: every masked address needs a rule of its own."""
    masked = [each for each in addresses if each.bits == MASKED and not each.negated] if addresses else ()
    if not masked:
        return (addresses,)
    negated = tuple(each for each in addresses if each.negated)
    plain = tuple(each for each in addresses if each.bits != MASKED and not each.negated)
    return (*((each, *negated) for each in masked), *(((*plain, *negated),) if plain else ()))


def host(each: Address) -> Address:
    """The address itself, without its network."""
    found = network(each.family, each.value, WIDTH[each.family])
    return found if found is not None else each


def protocols(proto: tuple[Item, ...], *, ports: bool, types: bool) -> Iterator[tuple[Item, ...]]:
    """The protocols, one rule each. `any` becomes those that can have the ports or ICMP types asked for.

    Negated ones only count where no other stands beside them, and then all of them at once.
    """
    if len(proto) == 1 and not (proto[0].text == ANY and (ports or types)):
        yield proto
        return
    wanted = [item for item in proto if not item.negated]
    unwanted = {item.text for item in proto if item.negated}
    names: list[str] = []
    for item in wanted:
        if item.text != ANY or not (ports or types):
            names.append(item.text)
            continue
        names += ["tcp", "udp"] if ports else []
        names += [ICMP] if types else []
    for name in dict.fromkeys(names) if ports or types else names:
        if name not in unwanted:
            yield (Item(name),)
    if not wanted:
        yield tuple(proto)


def common_family(family: int | None, needs: Iterable[tuple[int | None, str]]) -> tuple[int | None, str, str]:
    """(family, one, other): the family on which all agree; `one` and `other` name two that do not, or are empty."""
    by = f"family ipv{family}"
    for needed, who in needs:
        if not needed or needed == family:
            continue
        if family:
            return family, by, who
        family, by = needed, who
    return family, "", ""


class Named(NamedTuple):
    """A set that matches may refer to: the types of its fields, and the direction of each."""

    set: Set
    directions: tuple[str, ...]
    family: int

    @property
    def ports(self) -> bool:
        """Whether a field of it is a port."""
        return "inet_service" in self.set.types


class LeftOutError(Exception):
    """The section cannot be rendered; the problem says why."""

    def __init__(self, problem: FirewallProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def set_fields(match: SetMatch, named: Named, proto: str) -> tuple[str, ...] | None:
    """The packet's fields that are looked up; None where nft has no such field."""
    fields = []
    for index, kind in enumerate(named.set.types):
        chosen = match.directions[index] if index < len(match.directions) else ""
        source = (chosen or named.directions[index]) == "src"
        match kind:
            case "ether_addr":
                if not source:
                    return None
                fields.append("ether saddr")
            case "inet_service":
                fields.append(f"{proto} {'sport' if source else 'dport'}")
            case _:
                fields.append(f"{'ip' if kind == 'ipv4_addr' else 'ip6'} {'saddr' if source else 'daddr'}")
    return tuple(fields)


def icmp_types(types: tuple[IcmpType, ...], family: int) -> tuple[tuple[IcmpType, ...], ...]:
    """The types of a family, those without a code before those with one: nft matches them in different ways."""
    if family == IPV4:
        known = [each for each in types if each.type4 is not None]
        parts = [[each for each in known if each.code4 is None], [each for each in known if each.code4 is not None]]
    else:
        known = [each for each in types if each.type6 is not None]
        parts = [[each for each in known if each.code6 is None], [each for each in known if each.code6 is not None]]
    return tuple(tuple(part) for part in parts if part)


class Expander(NamedTuple):
    """Expands the matches of sections. `needs`: families that zones and helpers prescribe."""

    networks: Networks
    sets: Mapping[str, Named]
    problems: list[FirewallProblem]

    def addresses(self, origin: Origin, option: str, given: Sequence[Address | NetworkName]) -> Split | None:
        """As `split`; adds a remark if no packet can meet the condition now."""
        found = split(given, self.networks)
        if found is None:
            names = ", ".join(each.name for each in given if isinstance(each, NetworkName))
            self.problems.append(FirewallFault.EMPTY_NETWORK.at(origin, option, value=names))
        return found

    def known_set(self, origin: Origin, match: Match) -> Named | None:
        """The set that the match refers to, whatever its fields are."""
        if match.ipset is None:
            return None
        named = self.sets.get(match.ipset.name)
        if named is None:
            raise LeftOutError(FirewallFault.UNKNOWN_SET.at(origin, "ipset", value=match.ipset.name))
        return named

    def named_set(self, origin: Origin, match: Match) -> Named | None:
        """The set that the match refers to, if nft can look up its fields."""
        named = self.known_set(origin, match)
        if match.ipset is not None and named is not None and set_fields(match.ipset, named, "tcp") is None:
            raise LeftOutError(FirewallFault.SET_DESTINATION_MAC.at(origin, "ipset"))
        return named

    def rule(
        self,
        origin: Origin,
        match: Match,
        needs: Sequence[tuple[int | None, str]] = (),
        iifname: tuple[Item, ...] = (),
        oifname: tuple[Item, ...] = (),
        *,
        per_family: bool = False,
        raw: str = "",
    ) -> Iterator[Match]:
        """The matches of a `config rule`. `per_family`: its verdict is written differently for IPv4 and IPv6."""
        src = self.addresses(origin, "src_ip", match.src_ip)
        dest = self.addresses(origin, "dest_ip", match.dest_ip)
        if src is None or dest is None:
            return
        named = self.named_set(origin, match)
        if src.family or dest.family or named:
            needs = (
                (named.family if named else 0, f"set {named.set.name}" if named else ""),
                (src.family, "src_ip"),
                (dest.family, "dest_ip"),
                *needs,
            )
        for proto in self.protocols(origin, match, named):
            name = "" if proto[0].negated else proto[0].text
            family, first, second = common_family(IPV6 if name == ICMPV6 else match.family, needs)
            if first:
                problem = FirewallFault.FAMILY_CONFLICT.at(origin, protocol=name, first=first, second=second)
                self.problems.append(problem)
                continue
            types = match.icmp_type if name in {ICMP, ICMPV6} else ()
            ports = name in PORTS
            ipset = _looked_up(match.ipset, named, name) if match.ipset is not None and named is not None else None
            for each in _families(family, match, src, dest, types, per_family=per_family):
                parts = icmp_types(types, each) if types else ((),)
                written = _protocol(proto, each)
                for saddr, daddr, part in product(groups(src.of(each)), groups(dest.of(each)), parts):
                    yield Match(
                        each,
                        written,
                        iifname,
                        oifname,
                        saddr,
                        daddr,
                        match.src_port if ports else (),
                        match.dest_port if ports else (),
                        match.src_mac,
                        part,
                        match.helper,
                        match.limit,
                        match.times,
                        match.mark,
                        match.dscp,
                        ipset,
                        raw,
                    )

    def protocols(self, origin: Origin, match: Match, named: Named | None) -> Iterator[tuple[Item, ...]]:
        """The protocols of a section that can have the ports and ICMP types it asks for."""
        ports = bool(match.src_port or match.dest_port)
        for proto in protocols(match.proto, ports=ports or bool(named and named.ports), types=bool(match.icmp_type)):
            name = _shown(proto)
            if name in PORTS:
                if not match.icmp_type or ports:
                    yield proto
                else:
                    self.problems.append(FirewallFault.TYPES_WITHOUT_ICMP.at(origin, "icmp_type", protocol=name))
            elif named and named.ports:
                self.problems.append(FirewallFault.SET_NEEDS_PORTS.at(origin, "ipset", value=named.set.name))
            elif name in {ICMP, ICMPV6} and match.icmp_type:
                yield proto
            elif ports:
                self.problems.append(FirewallFault.PORTS_WITHOUT_PROTOCOL.at(origin, "proto", protocol=name))
            elif match.icmp_type:
                self.problems.append(FirewallFault.TYPES_WITHOUT_ICMP.at(origin, "icmp_type", protocol=name))
            else:
                yield proto


def _looked_up(match: SetMatch, named: Named, proto: str) -> SetMatch:
    return SetMatch(match.name, match.directions, match.negated, set_fields(match, named, proto) or ())


def _families(
    family: int | None, match: Match, src: Split, dest: Split, types: tuple[IcmpType, ...], *, per_family: bool
) -> tuple[int, ...]:
    """The families that need a rule each; 0 for one rule that holds for both."""
    if family:
        return (family,)
    special4 = bool(src.v4 or dest.v4 or match.dscp or [each for each in types if each.type4 is not None])
    special6 = bool(src.v6 or dest.v6 or match.dscp or [each for each in types if each.type6 is not None])
    if family is None and special4 is not special6:
        return (IPV4 if special4 else IPV6,)
    return (IPV4, IPV6) if per_family or special4 or special6 else (0,)


def _protocol(proto: tuple[Item, ...], family: int) -> tuple[Item, ...]:
    """A protocol as nft matches it: ICMP has another number in IPv6, and for all there is nothing to match."""
    name = proto[0].text
    if name == ANY:
        return ()
    if proto[0].negated:
        return (*proto, Item(ICMPV6, negated=True)) if ICMP in {item.text for item in proto} else proto
    if name == ICMP and family != IPV4:
        return (Item(ICMPV6),) if family == IPV6 else BOTH_ICMP
    return proto


def _shown(proto: tuple[Item, ...]) -> str:
    """A protocol's name; of several negated ones also the protocols that are not meant."""
    if len(proto) == 1 and not proto[0].negated:
        return proto[0].text
    return ", ".join(("not " if item.negated else "") + item.text for item in proto)
