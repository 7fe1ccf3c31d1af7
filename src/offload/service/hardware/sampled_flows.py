"""Collect the flows of pairs (zone > zone) that are in hardware or left it lately, for a sample.

Of these pairs all flows in a flowtable are collected (software or hardware), and those that were removed from hardware
and had no packet since.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from offload.model.flow import IPS_OFFLOAD, Entries, State, Values, entry_of
from offload.nouns import dataclass, field, replace
from offload.status.hardware.evicted import Key, Seen
from offload.status.hardware.pair_hardware import PairHardware, Sample
from offload.status.lookup.zone_lookup import Endpoint, ZoneLookup
from offload.status.shares import Pair

EVERY = 1024  # connections that are read between two calls of `between`
FOLLOWED = 1000  # flows of a pair whose counters are compared; more would show the same
STATUS, OCTETS, REPLY_OCTETS = 9, 13, 15  # places in Values


class Found(NamedTuple):
    """A flow in a sample: its path (also slow) and packets, its source, and its destination after DNAT.

    `target`: the packed address of that destination.
    """

    seen: Seen
    src: Endpoint
    dest: Endpoint
    target: bytes


@dataclass(slots=True)
class PairFlows:
    """The flows of one pair in a sample: all that are in `asked`, and the first FOLLOWED (1000) others."""

    asked: frozenset[Key]  # those of the last sample, and awaited ones
    kept: dict[Key, Found] = field(default_factory=dict)  # in the order of the dump
    marked: int = 0  # how many flows have the hardware mark, kept or not
    room: int = FOLLOWED  # how many more flows can be kept

    def add(self, key: Key, found: Found) -> None:
        """Count a flow of the pair if it has the hardware mark; keep it if it is in `asked`, or there is room."""
        self.marked += found.seen.state is State.HARDWARE
        if key in self.asked:
            self.kept[key] = found
        elif self.room:
            self.kept[key] = found
            self.room -= 1


class SampledFlows(NamedTuple):
    """The flows of a sample by pair, and in `octets` the bytes of all connections, also of other pairs."""

    by_pair: dict[Pair, PairFlows]
    octets: int

    @property
    def unmoved(self) -> "SampledFlows":
        """A copy in which no flow has had a packet: each counter of packets is 0. Flows without counters stay so."""
        zeros = {pair: replace(flows, kept=_unmoved(flows.kept)) for pair, flows in self.by_pair.items()}
        return self._replace(by_pair=zeros)


def collected(
    cases: Mapping[Pair, PairHardware], entries: Entries, zones: ZoneLookup, between: Callable[[], None]
) -> SampledFlows:
    """The flows of these pairs that are in a flowtable or awaited, and the bytes of all connections.

    Awaited: it was removed from hardware, and no counter saw a packet since. `cases`: what earlier samples showed, by
    pair. Of each pair the awaited flows and those of its last sample are kept, and up to FOLLOWED (1000) others.
    `zones`: finds the zones of a connection's ends. `between` is called after every EVERY (1024) connections, for
    urgent work.
    """
    awaited = frozenset(key for case in cases.values() for key in case.evicted.flows)
    asked = {pair: awaited.union(case.sample.flows if case.sample else ()) for pair, case in cases.items()}
    found, octets = {pair: PairFlows(keys) for pair, keys in asked.items()}, 0
    for number, values in enumerate(entries.values(range(len(entries))), 1):
        # flows in hardware too: they are another pair's, or their counters stand still and add nothing
        octets += (values[OCTETS] or 0) + (values[REPLY_OCTETS] or 0)
        if values[STATUS] & IPS_OFFLOAD or awaited:
            _add(found, values, awaited, zones)
        if number % EVERY == 0:
            between()
    return SampledFlows(found, octets)


def _add(found: dict[Pair, PairFlows], values: Values, awaited: frozenset[Key], zones: ZoneLookup) -> None:
    entry = entry_of(values)
    key = entry.proto, entry.original
    if entry.status & IPS_OFFLOAD or key in awaited:
        src, dest = zones.ends(entry)
        own = found.get((src.zone or "", dest.zone or ""))
        if own is not None:
            own.add(key, Found(Seen(entry.state, entry.packets), src, dest, entry.reply.src))


def _unmoved(flows: Mapping[Key, Found]) -> dict[Key, Found]:
    return {
        key: found._replace(seen=found.seen._replace(packets=found.seen.packets and (0, 0)))
        for key, found in flows.items()
    }


def followed(flows: Mapping[Key, Found], before: Sample | None) -> dict[Key, Found]:
    """At most FOLLOWED (1000) of the flows; those that are in the sample `before` come first.

    `before`: None if there was no sample.
    """
    known = [key for key in before.flows if key in flows] if before else []
    return {key: flows[key] for key in list(dict.fromkeys((*known, *flows)))[:FOLLOWED]}
