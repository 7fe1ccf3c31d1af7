"""Protocols and ICMP types of a section, in groups that one nft rule can express. Pure."""

from collections.abc import Iterator

from offload.compiler.firewall.matches.addresses import IPV4, IPV6
from offload.model.sections.match import IcmpType, Item

PORTS = frozenset({"tcp", "udp", "sctp", "dccp", "udplite"})
ANY, ICMP, ICMPV6 = "any", "icmp", "ipv6-icmp"
TCP, UDP = (Item("tcp"),), (Item("udp"),)
BOTH_ICMP = (Item(ICMP), Item(ICMPV6))


def protocols(proto: tuple[Item, ...], *, ports: bool, types: bool) -> Iterator[tuple[Item, ...]]:
    """Yield the protocols of a section in groups, for one nft rule each: one by one, or negated ones all together.

    `any` becomes tcp and udp if the section has ports (`ports`), icmp if it has ICMP types (`types`), all three if
    both. An empty list means `any`, one of only negated protocols `any` but these. A negated one removes the equal one
    among the others; nothing is yielded if none is left.
    """
    narrowed = ports or types
    if len(proto) == 1 and not narrowed:
        yield proto
        return
    unwanted = tuple(item for item in proto if item.negated)
    wanted = [item.text for item in proto if not item.negated] or [ANY]
    if unwanted and ANY in wanted and not narrowed:
        yield unwanted
        return
    names: list[str] = []
    for name in wanted:
        if name != ANY or not narrowed:
            names.append(name)
            continue
        names += ["tcp", "udp"] if ports else []
        names += [ICMP] if types else []
    for name in dict.fromkeys(names) if narrowed else names:
        if Item(name, negated=True) not in unwanted:
            yield (Item(name),)


def icmp_types(types: tuple[IcmpType, ...], family: int) -> tuple[tuple[IcmpType, ...], ...]:
    """The ICMP types that a family (4 or 6) has, in groups for an nft rule each: without a code, then with one.

    An empty group is left out.
    """
    if family == IPV4:
        known = [each for each in types if each.type4 is not None]
        parts = [[each for each in known if each.code4 is None], [each for each in known if each.code4 is not None]]
    else:
        known = [each for each in types if each.type6 is not None]
        parts = [[each for each in known if each.code6 is None], [each for each in known if each.code6 is not None]]
    return tuple(tuple(part) for part in parts if part)


def on_family(proto: tuple[Item, ...], family: int) -> tuple[Item, ...]:
    """A protocol, or a group of negated ones, as nft matches it in a family (4, 6, or 0 for both); (): no condition.

    `any` is no condition. `icmp` becomes ICMPv6 in family 6, and both ICMP and ICMPv6 in family 0. Negated, it excludes
    both in every family. All other protocols stay as they are.
    """
    name = proto[0].text
    if name == ANY:
        return ()
    if proto[0].negated:
        return (*proto, Item(ICMPV6, negated=True)) if ICMP in {item.text for item in proto} else proto
    if name == ICMP and family != IPV4:
        return (Item(ICMPV6),) if family == IPV6 else BOTH_ICMP
    return proto


def shown(proto: tuple[Item, ...]) -> str:
    """A protocol's name for a sentence: `tcp`; of negated ones `not tcp, not udp`."""
    if len(proto) == 1 and not proto[0].negated:
        return proto[0].text
    return ", ".join(("not " if item.negated else "") + item.text for item in proto)
