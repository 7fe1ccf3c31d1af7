"""The elements of map `crossings`: for packets from one device to another, the chain that may offload them. Pure.

A packet from iif to oif belongs to a connection that was opened in this direction, or is the reply of one that was
opened from oif to iif; one key serves both.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from operator import itemgetter

from offload.model.config import Family
from offload.model.plan import Element, PolicyKey, Table
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class Passing:
    """What a table does with packets from device iif to device oif, by the direction that opened their connection.

    A connection that stays slow is not offloaded.
    """

    policy: PolicyKey | None = None  # of connections opened from iif to oif; None: they stay slow
    # family (UCI word) of connections opened from oif to iif, whose replies pass here; empty: these stay slow
    replies: str = ""

    @property
    def chain(self) -> str:
        """The name of its chain: `policy_20_ipv4`, `policy_0_replies`, `replies_ipv6`. Equal Passings have the same."""
        family = "" if self.replies == Family.ANY.value else self.replies
        replies = ("replies", family) if self.replies else ()
        return "_".join(filter(None, (self.policy.chain if self.policy else "", *replies)))


Crossing = tuple[str, str]  # names of the devices (iif, oif)


def passings(elements: Iterable[Element]) -> Mapping[Crossing, Passing]:
    """{(iif, oif): Passing} for map `crossings`, sorted by key. `elements`: all elements of a table, or some of them.

    Each element has the key (oif, iif) for replies, and if `opened` the key (iif, oif) for the connections themselves.
    Elements with the same key share its Passing; if their replies have different families, it is for any family.
    """
    found = tuple(elements)
    opened = {(each.iif, each.oif): each.policy for each in found if each.opened}
    answered: dict[Crossing, str] = {}
    for each in found:
        key, family = (each.oif, each.iif), each.policy.family
        answered[key] = family if answered.get(key, family) == family else Family.ANY.value
    return {key: Passing(opened.get(key), answered.get(key, "")) for key in sorted(opened.keys() | answered.keys())}


def own(table: Table) -> Mapping[Crossing, Passing]:
    """{(iif, oif): Passing} for map `crossings`, sorted by key, made without the table's elements `shared`.

    A shared element is in both tables: the bridge port of a host decides which of them takes a flow. If a key also
    comes from an element that is not shared, its Passing here may differ from that in `passings(table.elements)`.
    """
    return passings(each for each in table.elements if not each.policy.stations)


def told_apart(elements: Iterable[Element], ways: AbstractSet[Crossing]) -> tuple[str, str]:
    """(common, absent): a device to compare before the look-up; one name or both are empty.

    Each (iif, oif) of map `crossings` (made of `elements`) has the device `common`; none has the device `absent`. So
    packets without `common`, or with `absent`, are slow, and need no look-up. `ways`: (iif, oif) of all pairs of zones.
    Both are empty if too few of the slow ones would be spared the look-up.
    """
    keys = passings(elements).keys()
    slow = [way for way in ways if way not in keys and way[::-1] not in keys]
    common = frozenset.intersection(*map(frozenset, keys)) if keys else frozenset()
    absent = {device for way in slow for device in way} - {device for key in keys for device in key}
    having = Counter(device for way in slow for device in set(way))
    # A slow packet that passes sooner gains about twice what the comparison costs another. Of equal gains the first:
    # for slow packets one rule costs less than the two that compare `common`.
    gains = [(3 * having[each] - len(slow), "", each) for each in sorted(absent)]
    gains += [(2 * len(slow) - 3 * having[each], each, "") for each in sorted(common)]
    gain, *found = max(gains, key=itemgetter(0), default=(0, "", ""))
    return (found[0], found[1]) if gain > 0 else ("", "")


def element_texts(found: Mapping[Crossing, Passing]) -> tuple[str, ...]:
    """The elements of map `crossings` as nft text, in the order of `found`: `"br-lan" . "wan" : goto policy_0`.

    nft replaces a name by the index that the device has then, and refuses the text if there is no such device.
    """
    return tuple(f'"{iif}" . "{oif}" : goto {passing.chain}' for (iif, oif), passing in found.items())
