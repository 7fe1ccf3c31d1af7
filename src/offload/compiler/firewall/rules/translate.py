"""The parts that all NAT rules have: addresses, protocols, families, and the writer of the rules. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from offload.compiler.firewall.draft import Draft
from offload.compiler.firewall.matches.addresses import IPV4, IPV6, NO_ADDRESSES, Split, groups, host
from offload.compiler.firewall.matches.expand import LeftOutError
from offload.compiler.firewall.matches.named_sets import set_fields
from offload.compiler.firewall.matches.protocols import ANY, ICMP, ICMPV6, PORTS, shown
from offload.model.kernel.nft import Rule
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import Nat, Origin, Redirect
from offload.model.sections.match import RANGE, Address, Item, Limit, Match, NetworkName, SetMatch
from offload.model.text.addresses import WIDTH, mask, written

FAMILIES = (IPV4, IPV6)
Proto = tuple[Item, ...]


class Translation(NamedTuple):
    """One NAT rule of a section, before it is written once for each family and protocol."""

    chain: str  # that the rule goes into
    verdict: str  # dnat, snat, masquerade, accept or redirect
    match: Match  # of it only source MAC, helper, limit, times, mark and set become conditions
    src: Split = NO_ADDRESSES  # source addresses to match
    dest: Split = NO_ADDRESSES  # destination addresses to match
    src_port: tuple[Item, ...] = ()  # source ports to match
    dest_port: tuple[Item, ...] = ()  # destination ports to match
    rewrite: Split = NO_ADDRESSES  # new addresses, of which the first of each family is used; empty: none is named
    port: Item | None = None  # the port or range that replaces the matched one; None: none is replaced
    oifname: tuple[Item, ...] = ()  # output devices to match

    def has(self, family: int) -> bool:
        """Whether it has an address of this family (4 or 6): one that it matches, or one that it translates to."""
        return bool(self.src.of(family) or self.dest.of(family) or self.rewrite.of(family))


class Writer(NamedTuple):
    """Writes the NAT rules of one section into the draft of the ruleset; all of them share these parts."""

    draft: Draft  # where the rules go
    origin: Origin  # the section
    comment: str  # of each rule
    counter: bool = False  # each rule has a counter
    log: str = ""  # prefix of the log statement; empty: no logging
    limit_log: Limit | str | None = None  # of the log statement: a rate, or the name of a limit object; None: no limit

    def write(self, each: Translation, family: int, proto: Proto) -> None:
        """Add the nft rules of a translation to its chain, for a family and a protocol.

        `family`: 4, 6, or 0 for both; 0 is allowed only if the translation has no addresses. `groups` splits the source
        and the destination addresses into parts that fit in one rule, and each pair of a source part and a destination
        part gets its own rule. Ports are left out where the protocol has none; the new port also replaces the
        identifier of ICMP.
        """
        name = "" if proto[0].negated else proto[0].text
        ipset = each.match.ipset
        if ipset is not None:
            fields = set_fields(ipset, self.draft.expander.sets[ipset.name], name)
            ipset = SetMatch(ipset.name, ipset.directions, ipset.negated, fields or ())
        ports = name in PORTS
        match = each.match
        verdict = _verdict(each, family, port=each.port if ports or name in {ICMP, ICMPV6} else None)
        for saddr in groups(each.src.of(family)):
            for daddr in groups(each.dest.of(family)):
                written = Match(
                    family,
                    _proto(proto, family),
                    (),
                    each.oifname,
                    saddr,
                    daddr,
                    each.src_port if ports else (),
                    each.dest_port if ports else (),
                    match.src_mac,
                    (),
                    match.helper,
                    match.limit,
                    match.times,
                    match.mark,
                    None,
                    ipset,
                )
                rule = Rule(verdict, written, self.comment, self.counter, self.log, self.limit_log, self.origin.id)
                self.draft.add(each.chain, rule)


def _proto(proto: Proto, family: int) -> Proto:
    if proto[0].text == ANY:
        return ()
    if family != IPV6 or ICMP not in {item.text for item in proto}:
        return proto
    return tuple(Item(ICMPV6, item.negated) if item.text == ICMP else item for item in proto)


# `dnat ADDRESS:PORT`, `snat :PORTS`, `redirect to PORT`, `masquerade` or `accept`
def _verdict(each: Translation, family: int, port: Item | None) -> str:
    number = port.text if port is not None else ""
    if each.verdict == "redirect":
        return f"redirect to {number}" if number else "redirect"
    if each.verdict not in {"dnat", "snat"}:
        return each.verdict
    found = each.rewrite.of(family)
    address = _host(found[0], bracket=bool(number)) if found else ""
    return f"{each.verdict} {address}{f':{number}' if number else ''}"


# of a network the first address, as in fw4
def _host(each: Address, *, bracket: bool) -> str:
    hosts = each.text.split("-") if each.bits == RANGE else [written(each.family, each.value & mask(each))]
    return "-".join(f"[{host}]" if bracket and each.family == IPV6 else host for host in hosts)


def addresses_of(
    draft: Draft, section: Nat | Redirect, *options: tuple[str, Address | NetworkName | None]
) -> list[Split] | None:
    """The addresses of each (option, value) of a section, by family, in this order; a value of None gives no addresses.

    None, with a problem: a value without `!` is a network that has no address, and no packet can match now.
    """
    found = []
    for option, given in options:
        addresses = draft.expander.addresses(section.origin, option, () if given is None else (given,))
        if addresses is None:
            return None
        found.append(addresses)
    return found


def new_addresses(given: Address | NetworkName | None, found: Split) -> Split:
    """The addresses that a rule writes into packets. `given`: the option's value; `found`: its addresses, by family.

    If `given` names a netifd network, they are the router's own addresses there, without prefix lengths; else `found`.
    """
    if not isinstance(given, NetworkName):
        return found
    return Split(tuple(map(host, found.v4)), tuple(map(host, found.v6)), found.family)


def refuse_lost(section: Nat | Redirect) -> None:
    """Raise LeftOutError if a condition of the NAT section is unreadable: without it the rules would match too much."""
    if section.lost:
        raise LeftOutError(FirewallFault.LOST_CONDITION.at(section.origin, options=", ".join(section.lost)))


def protocols(draft: Draft, section: Nat | Redirect, each: Translation) -> Iterator[Proto]:
    """Yield the section's protocols as one nft rule can match them: one by one, or negated ones all together.

    `each`: the section's translation. If that matches ports, is a port forward with a new port, or looks up a set whose
    key has a port, `any` becomes tcp and udp, and other protocols without ports are left out, with a problem. If it has
    a new source port, and neither tcp nor udp is named, `any` becomes both, beside the others, and `icmp` stays if it
    is the only one (its identifier counts as its port); without these it raises LeftOutError. Others with a new source
    port get the new address alone, and without one they are left out, with a problem. A set that does not exist or that
    nft cannot look up raises LeftOutError too.
    """
    match = section.match
    named = draft.expander.named_set(section.origin, match)
    new = (each.port,) if each.port is not None and each.verdict in {"dnat", "redirect"} else ()
    of_ports = Match(proto=match.proto, src_port=each.src_port, dest_port=each.dest_port or new)
    found = list(draft.expander.protocols(section.origin, of_ports, named))
    names = [name for proto in found for name in ([] if proto[0].negated else [proto[0].text])]
    if each.port is not None and not PORTS & set(names):
        if ANY in names:
            found = [(Item("tcp"),), (Item("udp"),), *(proto for proto in found if proto[0].text != ANY)]
        elif found and set(names) != {ICMP}:
            words = ", ".join(map(shown, found))
            raise LeftOutError(FirewallFault.PORTS_WITHOUT_PROTOCOL.at(section.origin, "proto", protocol=words))
    for proto in found:
        if _rewritten(each, proto):
            yield proto
        else:
            words = shown(proto)
            draft.problems.append(FirewallFault.PORTS_WITHOUT_PROTOCOL.at(section.origin, "proto", protocol=words))


def _rewritten(each: Translation, proto: Proto) -> bool:
    # else a new source port is all that there is, and the protocol cannot have it
    ported = not proto[0].negated and proto[0].text in {*PORTS, ICMP, ICMPV6}
    return each.verdict != "snat" or ported or bool(each.rewrite.v4 or each.rewrite.v6)


def report_several(draft: Draft, origin: Origin, option: str, found: Split) -> None:
    """Add a problem if `found`, the new addresses of `option`, has several of one family: only the first is used.

    A network (`192.0.2.0/24`) counts as several. A range does not: nft takes it as it is.
    """
    several = any(len(found.of(family)) > 1 for family in FAMILIES)
    if several or any(each.bits not in {RANGE, WIDTH[each.family]} for each in (*found.v4, *found.v6)):
        draft.problems.append(FirewallFault.FIRST_ADDRESS.at(origin, option))


def report_conflict(draft: Draft, origin: Origin, proto: Proto, who: Iterable[str]) -> None:
    """Add a problem to the draft: section `origin` has no rule for a protocol, for lack of a common address family.

    `who`: the names of the two that have none in common: addresses, sets, helpers or zones (`src_ip`, `zone wan`).
    """
    first, second = who
    words = {"protocol": shown(proto), "first": first, "second": second}
    draft.problems.append(FirewallFault.FAMILY_CONFLICT.at(origin, **words))
