"""When to sample the flows of pairs (zone > zone) in hardware, and what the samples show."""

from collections.abc import Iterable, Iterator, Mapping

from offload.model.config import Mode
from offload.model.flow import State
from offload.model.kernel.live import Strays
from offload.model.network import GivenUp, Snapshot, Uncounted
from offload.model.plan import HARDWARE_TABLE, PairDecision, Plan
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.topology import all_below, directly_below
from offload.nouns import dataclass, field, replace
from offload.service.hardware.sampled_flows import Found, SampledFlows, followed
from offload.status.hardware.evicted import Key, Seen
from offload.status.hardware.pair_hardware import PairHardware, Sample, Verdict, with_evicted, without_family
from offload.status.hardware.requests import HardwareRequests
from offload.status.hardware.update import updated
from offload.status.lookup.device_paths import DevicePaths, KnownStations
from offload.status.shares import Pair

APART, APART_SETTLED = 10.0, 60.0  # seconds between two samples; the second if another will hardly change anything
SOONEST = 2.0  # seconds between two samples at least, so that flows have moved
TAGGED = {"vlan", "ppp"}
HARDWARE_FLOWTABLE = HARDWARE_TABLE[1]


@dataclass(slots=True)
class HardwareMonitor:
    """What samples of live flows (their path and counters at one moment) show of each pair and device in hardware."""

    cases: dict[Pair, PairHardware] = field(default_factory=dict)  # pairs whose effective mode is hardware now
    # devices that flows of these pairs passed; a pair may be proven by flows on some of its devices only
    ports: dict[str, PairHardware] = field(default_factory=dict)
    # pairs that were in hardware, and of whose flows some had no packet since: a driver may still forward them
    over: dict[Pair, PairHardware] = field(default_factory=dict)
    due: float | None = None  # when to take the next sample, in monotonic seconds; None: no sample is needed
    _reported: set[tuple[Pair, ReasonCode]] = field(default_factory=set)  # faults that are already events

    def follow(self, plan: Plan, snapshot: Snapshot, now: float) -> None:
        """Take over from this Plan which pairs are in hardware: samples are taken of these.

        What samples showed of a pair whose devices changed is forgotten, except its flows that were removed from
        hardware. A pair that is no longer in hardware stays in `over` while some of these flows had no packet since.
        Devices that do not exist any more are forgotten, all if no pair is in hardware. `snapshot`: which devices are
        ports of bridges. If no sample is due yet, one is due APART (10) seconds after `now` (monotonic); without pairs
        none is.
        """
        opened = dict(_opened(plan, snapshot))
        for pair, case in opened.items():
            if known := self.known.get(pair):
                same = pair in self.cases and _stands_on(known) == _stands_on(case)
                opened[pair] = known if same else replace(case, evicted=known.evicted)
        self.over = {
            pair: PairHardware(case.devices, verdict=Verdict.NONE, evicted=case.evicted)
            for pair, case in self.known.items()
            if case.evicted.flows and pair not in opened
        }
        self.cases = opened
        self.ports = {name: case for name, case in self.ports.items() if opened and name in plan.present}
        self._reported = {(pair, why) for pair, why in self._reported if pair in self.known}
        if not self.known:
            self.due = None
        elif self.due is None:
            self.due = now + APART

    @property
    def known(self) -> Mapping[Pair, PairHardware]:
        """What live flows showed, by pair: of those in hardware, and of those that left it and may have flows there."""
        return {**self.over, **self.cases}

    @property
    def uncounted(self) -> tuple[Uncounted, ...]:
        """The pairs in hardware whose flow counters stand still although their devices receive packets."""
        return tuple(Uncounted(pair, case.unbridged) for pair, case in self.known.items() if case.frozen)

    def flows_evicted(self, now: float) -> None:
        """Note that all flows left hardware at `now` (monotonic seconds), as its table was created again or deleted.

        A driver may still forward some: later samples show whether a counter sees their packets. If a sample is due at
        all, it is due within APART (10) seconds.
        """
        self.cases = {pair: with_evicted(case, now) for pair, case in self.cases.items()}
        if self.due is not None:
            self.due = min(self.due, now + APART)

    def forget_families(self, given_up: Iterable[GivenUp]) -> None:
        """Forget which flows stayed in software, for each of `given_up` that is one family (ipv4, ipv6) of a pair."""
        for each in given_up:
            if each.pair in self.cases and each.family:
                self.cases[each.pair] = without_family(self.cases[each.pair], each.family)

    def may_sample(self, now: float) -> bool:
        """Whether a sample can show more at `now`: a pair has none, or its last is at least SOONEST (2) seconds old.

        False without pairs. `now`: monotonic seconds.
        """
        samples = [case.sample for case in self.known.values()]
        return any(sample is None or now - sample.at >= SOONEST for sample in samples)

    def sample_failed(self, now: float) -> None:
        """Note that no sample could be taken: the next is due APART (10) seconds after `now`; without pairs none is."""
        self.due = now + APART if self.known else None

    def add_sample(
        self,
        flows: SampledFlows,
        placed: Snapshot,
        plan: Plan,
        strays: Strays,
        received: Mapping[str, int],
        now: float,
        time: str,
        known: KnownStations | None = None,
    ) -> list[tuple[Pair, Reason]]:
        """Judge each pair and device by these flows, and set when the next sample is due.

        Returns [(pair, Reason)] for faults: of a pair each ReasonCode once, until it leaves `self.known`. The next
        sample is due after APART (10) seconds, or APART_SETTLED (60) if it will hardly change anything. `flows`: of all
        pairs in `self.known`, read now. `placed`: the Snapshot with its routes. `strays`: by (iif, oif), the packets so
        far that took the slow path although their connection has the hardware mark. `received`: bytes so far by device.
        `now`, `time`: of the sample, monotonic seconds and ISO 8601. `known`: where stations (hosts behind bridges)
        were seen last; None: where `placed` has them.
        """
        straying, requests = _strays(plan, strays), HardwareRequests(plan, placed, known)
        every: dict[Key, Found] = {}
        for pair, case in self.cases.items():
            octets = sum(received.get(name, 0) for name in case.unbridged)
            sampled = flows.by_pair[pair]
            own = _requested(followed(sampled.kept, case.sample), requests)
            every |= own
            sample = Sample(now, time, _seen(own), sampled.marked, straying.get(pair, 0), octets, flows.octets)
            # also with the flows that are in software because hardware is no longer requested for them
            evicted = case.evicted.compared(_seen(sampled.kept), now)
            self.cases[pair] = replace(updated(case, sample), evicted=evicted)
        self._update_ports(every, requests.paths, now, time)
        for pair, case in self.over.items():
            left = case.evicted.compared(_seen(flows.by_pair[pair].kept), now)
            self.over[pair] = replace(case, evicted=left, sample=Sample(now, time, {}))
        self.over = {pair: case for pair, case in self.over.items() if case.evicted.flows}
        open_ = not all(
            case.settled or (pair in self.over and case.evicted.unaccounted) for pair, case in self.known.items()
        )
        self.due = now + (APART if open_ else APART_SETTLED) if self.known else None
        reasons = [(pair, reason) for pair, case in self.known.items() for reason in case.reasons]
        fresh = [each for each in reasons if (each[0], each[1].code) not in self._reported]
        self._reported |= {(pair, reason.code) for pair, reason in fresh}
        return fresh

    def add_only_sample(self, flows: SampledFlows, placed: Snapshot, plan: Plan, strays: Strays) -> None:
        """Judge the pairs in `cases` (from `follow`) and their devices (`ports`) by one sample, where no service runs.

        Parameters as in `add_sample`. A connection's packets since its beginning count. Faults that need two samples
        are not found: packets that move in one direction only, and counters that stand still.
        """
        # a first sample with counters of zero; it cannot show that packets move in one direction only
        self.add_sample(flows.unmoved, placed, plan, {}, {}, 0.0, "")
        self.add_sample(flows, placed, plan, strays, {}, APART, "")

    def _update_ports(self, flows: Mapping[Key, Found], paths: DevicePaths, now: float, time: str) -> None:
        passing: dict[str, dict[Key, Seen]] = {name: {} for name in self.ports}
        for key, found in flows.items():
            for name in (*paths.of(found.src, key[1].src), *paths.of(found.dest, found.target)):
                passing.setdefault(name, {})[key] = found.seen
        for name, own in passing.items():
            marked = sum(seen.state is State.HARDWARE for seen in own.values())
            self.ports[name] = updated(self.ports.get(name, PairHardware((name,))), Sample(now, time, own, marked))


def _seen(flows: Mapping[Key, Found]) -> dict[Key, Seen]:
    return {key: found.seen for key, found in flows.items()}


def _requested(flows: Mapping[Key, Found], requests: HardwareRequests) -> dict[Key, Found]:
    # flows in software for which hardware was not requested prove nothing about it
    return {
        key: found
        for key, found in flows.items()
        if found.seen.state is not State.SOFTWARE or not requests.why_not(found.src, found.dest, key[1], found.target)
    }


def _opened(plan: Plan, snapshot: Snapshot) -> Iterator[tuple[Pair, PairHardware]]:
    kinds, bridged = {link.name: link.kind for link in snapshot.links}, _bridged(snapshot)
    pppoe = {network.l3_device for network in snapshot.networks if network.proto == "pppoe"}
    for pair in plan.pairs:
        if pair.effective is Mode.HARDWARE:
            l3 = [name for zone in plan.zones if zone.name in {pair.src, pair.dest} for name in zone.devices]
            tagged = tuple(name for name in l3 if kinds.get(name) in TAGGED or name in pppoe)
            devices = _devices(plan, pair)
            yield (
                (pair.src, pair.dest),
                PairHardware(devices, tagged, tuple(name for name in devices if name not in bridged)),
            )


def _stands_on(case: PairHardware) -> tuple[tuple[str, ...], ...]:
    return case.devices, case.tagged, case.unbridged


def _bridged(snapshot: Snapshot) -> set[str]:
    # a packet that such a device receives may be bridged and not routed
    ports = {link.name for link in snapshot.links if link.master}
    return ports.union(all_below(ports, directly_below(snapshot)))


def _devices(plan: Plan, pair: PairDecision) -> tuple[str, ...]:
    return tuple(
        device.name
        for device in plan.devices
        if HARDWARE_FLOWTABLE in device.flowtables and {pair.src, pair.dest} & set(device.zones)
    )


def _strays(plan: Plan, counted: Strays) -> dict[Pair, int]:
    # by pair, both directions together
    found: dict[Pair, int] = {}
    elements = [each for table in plan.tables if table.hardware for each in table.elements]
    # a set: within one zone a way back is the way there of the same or another element
    there = {(each.pair, (each.iif, each.oif)) for each in elements}
    back = {(each.pair, (each.oif, each.iif)) for each in elements}
    for pair, way in there | back:
        found[pair] = found.get(pair, 0) + counted.get(way, 0)
    return found
