"""The sets of `config ipset`, and the packet fields that are looked up in them. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from offload.model.kernel.nft import Set
from offload.model.sections.firewall import IpSet
from offload.model.sections.match import Address, Item, SetMatch
from offload.model.text.addresses import WIDTH

_TYPES = {"port": "inet_service", "mac": "ether_addr"}
_ADDRESS = {4: "ipv4_addr", 6: "ipv6_addr", 0: ""}


class Named(NamedTuple):
    """An nft set of a `config ipset` that rules may look up. `directions`: src or dst for each part of its key.

    `family`: 4 or 6; 0: it does not restrict the family of a match.
    """

    set: Set
    directions: tuple[str, ...]
    family: int

    @property
    def ports(self) -> bool:
        """Whether a part of its key is a port."""
        return "inet_service" in self.set.types


def set_fields(match: SetMatch, named: Named, proto: str) -> tuple[str, ...] | None:
    """The packet fields to look up in the set `named`, as nft text (`ip saddr`); None: one would be a destination MAC.

    Directions (src or dst) that `match` does not give are those of the set. `proto`: the protocol whose ports are
    looked up; not used if the set has no ports.
    """
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


def looked_up(match: SetMatch, named: Named, proto: str) -> SetMatch:
    """The same lookup with its packet fields filled in, for the set `named` and the protocol.

    The fields are empty if one would be a destination MAC address, which nft cannot look up.
    """
    return SetMatch(match.name, match.directions, match.negated, set_fields(match, named, proto) or ())


def named_sets(ipsets: Iterable[IpSet]) -> dict[str, Named]:
    """{name: the nft set of a `config ipset`, with its family and the direction of each part of its key}.

    Direction: src or dst, the end of a packet that is looked up unless a rule says otherwise.
    """
    return {
        each.name: Named(_set(each), tuple(direction for direction, _ in each.match), each.family) for each in ipsets
    }


# Flag timeout is set also by a timeout of 0, with which elements stay unless they have one of their own.
def _set(ipset: IpSet) -> Set:
    kinds = [kind for _, kind in ipset.match]
    interval = "net" in kinds or any(
        isinstance(value, Address) and value.bits != WIDTH[value.family] for each in ipset.elements for value in each
    )
    elements = tuple(dict.fromkeys(_element(each) for each in ipset.elements))
    flags = (("interval",) if interval else ()) + (("timeout",) if ipset.timeout >= 0 else ())
    return Set(
        name=ipset.name,
        types=tuple(_TYPES.get(kind) or _ADDRESS[ipset.family] for kind in kinds),
        elements=elements,
        flags=flags,
        size=_size(ipset.maxelem, len(elements), ends=interval and len(kinds) == 1),
        timeout=max(ipset.timeout, 0),
        auto_merge=interval,
        comment=ipset.comment,
    )


# `ends`: the set is a tree of intervals (nft_set_rbtree.c). Kernels before 6.1.129, 6.6.76 and 6.12.13 count both ends
# of each against the size, and one more where no interval begins at 0. With room for `most` intervals, not only for the
# entries, a new entry does not change the size: a set of another size is made anew, without what others have added.
def _size(most: int, entries: int, *, ends: bool) -> int:
    return 2 * most + 1 if ends and most < 2 * entries + 1 and most and entries else most


def _element(values: tuple[Address | Item, ...]) -> str:
    return " . ".join(value.text for value in values)
