"""At which bridge ports hosts (stations) are, as elements of nft sets."""

from collections.abc import Mapping

from offload.model.network import Link, Neighbour, Station
from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """The inputs from which Learned is made: hosts at bridge ports, resolved neighbours, and devices."""

    stations: tuple[Station, ...]  # learned by bridges
    neighbours: tuple[Neighbour, ...]  # resolved by the router
    links: tuple[Link, ...]  # all devices
    bridges: Mapping[str, str]  # layer 3 device -> its bridge
    able: frozenset[str]  # devices that hardware can take


@dataclass(frozen=True, slots=True)
class Learned:
    """At which bridge ports hosts (stations) are, as elements of the station sets of offload's nft tables."""

    seen: LearnedFrom  # the inputs
    # (name of the set, layer 3 device, whether hardware covers the hosts' ports) -> elements as nft text, sorted
    elements: Mapping[tuple[str, str, bool], tuple[str, ...]]
    ports: Mapping[str, int]  # port -> number of hosts seen there
