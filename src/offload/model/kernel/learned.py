"""Where hosts are: the elements of the station sets, and what they are made of."""

from collections.abc import Mapping

from offload.model.network import Link, Neighbour, Station
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """What Learned is made of: hosts at bridge ports, resolved neighbours, and devices that hardware can take."""

    stations: tuple[Station, ...]  # learned by bridges
    neighbours: tuple[Neighbour, ...]  # resolved by the router
    links: tuple[Link, ...]  # all devices
    bridges: Mapping[str, str]  # layer 3 device -> its bridge
    able: frozenset[str]  # devices that hardware can take


@dataclass(frozen=True, slots=True)
class Learned:
    """Where hosts (stations) are: elements of the nft sets by which rules choose hardware or software flowtable.

    A set has the hosts at bridge ports that hardware covers, or those at other ports.
    """

    seen: LearnedFrom  # the inputs
    # (name of the set, layer 3 device, whether hardware covers the ports) -> elements as nft text, sorted
    elements: Mapping[tuple[str, str, bool], tuple[str, ...]]
    ports: Mapping[str, int]  # port -> number of hosts seen there
