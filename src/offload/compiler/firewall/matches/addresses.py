"""The addresses of a condition by family, and groups of them that one nft rule can express. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from offload.model.sections.firewall import RouterNetwork
from offload.model.sections.match import MASKED, Address, NetworkName
from offload.model.text.addresses import WIDTH, covers, network

IPV4, IPV6 = 4, 6

Addresses = tuple[Address, ...]
Networks = Mapping[str, RouterNetwork]


class Split(NamedTuple):
    """The addresses of a condition by family, negated ones (`!`) among the others; `groups` makes groups of them.

    `family`: 4 or 6 if all have the same; 0 for both or none. Without addresses of any family there is no condition.
    """

    v4: Addresses = ()
    v6: Addresses = ()
    family: int = 0

    def of(self, family: int) -> Addresses:
        """The addresses of one family, 4 or 6; (): it has none."""
        return self.v4 if family == IPV4 else self.v6

    @property
    def narrowed(self) -> "Split":
        """The same without a family that has only negated addresses, if the other family has one without `!`.

        No packet of that family meets such a condition.
        """
        named4, named6 = (any(not each.negated for each in part) for part in (self.v4, self.v6))
        if named4 is named6:
            return self
        return Split(self.v4, (), IPV4) if named4 else Split((), self.v6, IPV6)


NO_ADDRESSES = Split()


def split(given: Sequence[Address | NetworkName], networks: Networks) -> Split | None:
    """The addresses of a condition (`given`) by family, with those of netifd networks in place of their names.

    None: there are values without `!`, and all of these are networks that have no address, so no packet can match now.
    A network with `!` that has no address excludes nothing. `networks`: of netifd, by name.
    """
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
    """One family's addresses in groups, one for each nft rule; without addresses one empty group, for one rule.

    An address with a mask that has gaps needs a rule of its own; addresses with `!` are in every group.
    """
    masked = [each for each in addresses if each.bits == MASKED and not each.negated] if addresses else ()
    if not masked:
        return (addresses,)
    negated = tuple(each for each in addresses if each.negated)
    plain = tuple(each for each in addresses if each.bits != MASKED and not each.negated)
    return (*((each, *negated) for each in masked), *(((*plain, *negated),) if plain else ()))


def host(each: Address) -> Address:
    """The address alone, for one that is given with the prefix length of its network: `192.0.2.1` of `192.0.2.1/24`."""
    found = network(each.family, each.value, WIDTH[each.family])
    return found if found is not None else each


def same_network(own: Address, other: Address) -> bool:
    """Whether `other` is in the network of `own`, by `own`'s prefix length. False if they have two families.

    Of `other`, if it is a network or range, only the first address is compared.
    """
    return own.family == other.family and covers(own, other.value)
