"""Split a section's Match into matches for one nft rule each: by protocol, family, ICMP types and masks. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from offload.compiler.firewall.matches.addresses import IPV4, IPV6, Networks, Split, groups, split
from offload.compiler.firewall.matches.named_sets import Named, looked_up, set_fields
from offload.compiler.firewall.matches.protocols import ICMP, ICMPV6, PORTS, icmp_types, on_family, protocols, shown
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import Origin
from offload.model.sections.match import ANY_TYPE, Address, IcmpType, Item, Match, NetworkName


def common_family(family: int | None, restrictions: Iterable[tuple[int | None, str]]) -> tuple[int | None, str, str]:
    """The family that all conditions have in common (None or 0: any), and the names of two that contradict each other.

    Both names are empty if no two contradict each other; else the family means nothing. `family`: option family of the
    section. `restrictions`: (family, name) of its other conditions, zones and helpers; None or 0: any family.
    """
    by = f"family ipv{family}"
    for needed, who in restrictions:
        if not needed or needed == family:
            continue
        if family:
            return family, by, who
        family, by = needed, who
    return family, "", ""


class LeftOutError(Exception):
    """The section cannot be compiled, and is left out of the ruleset; `problem`, which the user will see, says why."""

    def __init__(self, problem: FirewallProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Expander(NamedTuple):
    """Splits the conditions of sections into matches that one nft rule can express.

    `networks`: of netifd, by name; `sets`: of `config ipset`, by name. If it leaves out a part of a section, it adds a
    problem to `problems`; if the whole section cannot be compiled, it raises LeftOutError.
    """

    networks: Networks
    sets: Mapping[str, Named]
    problems: list[FirewallProblem]

    def addresses(self, origin: Origin, option: str, given: Sequence[Address | NetworkName]) -> Split | None:
        """The addresses of an option (`given`) by family, with those of netifd networks in place of their names.

        None if no packet can match now: there are values without `!`, and each of these is a network that has no
        address. Then `problems` gets a problem for `option` of the section `origin`.
        """
        found = split(given, self.networks)
        if found is None:
            names = ", ".join(each.name for each in given if isinstance(each, NetworkName))
            self.problems.append(FirewallFault.EMPTY_NETWORK.at(origin, option, value=names))
        return found

    def known_set(self, origin: Origin, match: Match) -> Named | None:
        """The set that option ipset of a section names; None: it names none. LeftOutError: there is no such set.

        Whether nft can look the packets up in it is not checked. `origin`: the section, for the error.
        """
        if match.ipset is None:
            return None
        named = self.sets.get(match.ipset.name)
        if named is None:
            raise LeftOutError(FirewallFault.UNKNOWN_SET.at(origin, "ipset", value=match.ipset.name))
        return named

    def named_set(self, origin: Origin, match: Match) -> Named | None:
        """The set that option ipset of a section names; None: it names none.

        LeftOutError: there is no such set, or nft cannot look it up, as its key would be a destination MAC address.
        `origin`: the section, for the error.
        """
        named = self.known_set(origin, match)
        if match.ipset is not None and named is not None and set_fields(match.ipset, named, "tcp") is None:
            raise LeftOutError(FirewallFault.SET_DESTINATION_MAC.at(origin, "ipset"))
        return named

    def rule(
        self,
        origin: Origin,
        match: Match,
        restrictions: Sequence[tuple[int | None, str]] = (),
        iifname: tuple[Item, ...] = (),
        oifname: tuple[Item, ...] = (),
        *,
        per_family: bool = False,
        raw: str = "",
    ) -> Iterator[Match]:
        """Yield the matches of a `config rule`, each for one nft rule.

        A protocol is left out, with a problem, if its conditions have no family in common, or if `protocols` leaves it
        out, or if no family that it can have has one of the ICMP types. There is no match, but a problem, if no
        protocol is left, or if `addresses` gives None for src_ip or dest_ip. LeftOutError: its set is missing or cannot
        be looked up. `restrictions`: (family, name) of its zones and helpers. `per_family`: IPv4 and IPv6 share no
        match. `iifname`, `oifname`, `raw`: more conditions, the last as nft text.
        """
        src = self.addresses(origin, "src_ip", match.src_ip)
        dest = self.addresses(origin, "dest_ip", match.dest_ip)
        if src is None or dest is None:
            return
        src, dest = src.narrowed, dest.narrowed
        named = self.named_set(origin, match)
        if src.family or dest.family or named:
            restrictions = (
                (named.family if named else 0, f"set {named.set.name}" if named else ""),
                (src.family, "src_ip"),
                (dest.family, "dest_ip"),
                *restrictions,
            )
        for proto in self.protocols(origin, match, named):
            name = "" if proto[0].negated else proto[0].text
            family, first, second = common_family(IPV6 if name == ICMPV6 else match.family, restrictions)
            if first:
                problem = FirewallFault.FAMILY_CONFLICT.at(origin, protocol=shown(proto), first=first, second=second)
                self.problems.append(problem)
                continue
            types = match.icmp_type if name in {ICMP, ICMPV6} and ANY_TYPE not in match.icmp_type else ()
            ports = name in PORTS
            ipset = looked_up(match.ipset, named, name) if match.ipset is not None and named is not None else None
            families = _families(family, match, src, dest, types, per_family=per_family)
            if types and not any(icmp_types(types, each) for each in families):
                words = {"protocol": name, "family": " and ".join(f"IPv{each}" for each in families)}
                self.problems.append(FirewallFault.TYPES_OF_OTHER_FAMILY.at(origin, "icmp_type", **words))
                continue
            for each in families:
                parts = icmp_types(types, each) if types else ((),)
                written = on_family(proto, each)
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
        """Yield the section's protocols in groups, for one nft rule each: a single one, or negated ones all together.

        One that can have neither the section's ports nor its ICMP types, or not its set, is left out and adds a
        problem; one problem if all are negated away. `named`: the set that the match looks up, whose key may have a
        port; None: it looks up none.
        """
        ports, types = bool(match.src_port or match.dest_port), bool(match.icmp_type)
        found = tuple(protocols(match.proto, ports=ports or bool(named and named.ports), types=types))
        if not found:
            self.problems.append(FirewallFault.NO_PROTOCOL.at(origin, "proto"))
        for proto in found:
            name = shown(proto)
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


# (0,): one rule is enough for both. `family`: 4, 6, 0 for both, or None (not chosen): then only one, if only that one
# has addresses or ICMP types. `per_family`: both never share a rule.
def _families(
    family: int | None, match: Match, src: Split, dest: Split, types: tuple[IcmpType, ...], *, per_family: bool
) -> tuple[int, ...]:
    if family:
        return (family,)
    special4 = bool(src.v4 or dest.v4 or match.dscp or [each for each in types if each.type4 is not None])
    special6 = bool(src.v6 or dest.v6 or match.dscp or [each for each in types if each.type6 is not None])
    if family is None and special4 is not special6:
        return (IPV4 if special4 else IPV6,)
    return (IPV4, IPV6) if per_family or special4 or special6 else (0,)
