"""The elements of map `crossings`: for packets from one device to another, the chain that may offload them. Pure.

One look-up by (iif, oif) serves both the connections that were opened in this direction and the replies of those that
were opened in the other. Packets between devices that have no element cost nothing else.
"""

from collections.abc import Iterable, Mapping

from offload.model.config import Family
from offload.model.plan import Element, PolicyKey, Table
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Passing:
    """What a table does with packets from one device to another, by the direction that opened their connection.

    Connections that stay slow are not offloaded.
    """

    policy: PolicyKey | None = None  # of those opened in this direction; None: they stay slow
    replies: str = ""  # family (UCI word) of those opened in the other direction; empty: they stay slow

    @property
    def chain(self) -> str:
        """The name of its chain: `policy_20_ipv4`, `policy_0_replies`, `replies_ipv6`. Equal Passings have the same."""
        family = "" if self.replies == Family.ANY.value else self.replies
        replies = ("replies", family) if self.replies else ()
        return "_".join(filter(None, (self.policy.chain if self.policy else "", *replies)))


Crossing = tuple[str, str]  # names of the devices (iif, oif)


def passings(elements: Iterable[Element]) -> Mapping[Crossing, Passing]:
    """The keys (iif, oif) of the table's map `crossings`, sorted, each with the Passing that names its chain.

    `elements`: those of a table, or some of them. Each makes a key for the connections that it offloads, and one with
    iif and oif exchanged for their replies; where keys are equal they share a Passing.
    """
    found = tuple(elements)
    opened = {(each.iif, each.oif): each.policy for each in found if each.opened}
    answered: dict[Crossing, str] = {}
    for each in found:
        key, family = (each.oif, each.iif), each.policy.family
        answered[key] = family if answered.get(key, family) == family else Family.ANY.value
    return {key: Passing(opened.get(key), answered.get(key, "")) for key in sorted(opened.keys() | answered.keys())}


def own(table: Table) -> Mapping[Crossing, Passing]:
    """The keys (iif, oif) of the table's map, each with its Passing, without elements that the other table shares.

    Left out are elements where the bridge port of a host decides which table takes a flow: the other one has them too.
    """
    return passings(each for each in table.elements if not each.policy.stations)


def element_texts(found: Mapping[Crossing, Passing]) -> tuple[str, ...]:
    """The elements of map `crossings` as nft text, in the order of `found`: `"br-lan" . "wan" : goto policy_0`.

    nft replaces a name by the index that the device has then, and refuses the text if there is no such device.
    """
    return tuple(f'"{iif}" . "{oif}" : goto {passing.chain}' for (iif, oif), passing in found.items())
