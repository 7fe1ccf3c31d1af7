"""What live flows prove of a pair that is to be in hardware. Pure: looks go in one after the other, a Case comes out.

That the kernel bound the devices proves nothing on OpenWrt, and its mark on a flow lies where a device of one direction
is missing (kernel.md 16 and 28). So hardware is proven by flows that carry the mark, move, and send next to nothing
over the slow path; it is refused when flows keep moving without the mark, or stray in spite of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from offload.model.flow import State, Tuple
from offload.model.plan import Reason, Why


class Proof(Enum):
    """How far hardware has come."""

    NONE = "none"  # not asked for
    REQUESTED = "requested"  # asked for, and the plan could not have it
    BOUND = "bound"  # the kernel accepted the devices
    PROVEN = "proven"
    REFUSED = "refused"


PACKETS = 20  # that flows in hardware must have moved
STRAYING = 20  # one stray among so many is in order: what is too large or has IP options is the CPU's
FLOWS, SECONDS = 100, 60.0  # that stay in software although hardware was asked
LONGEST = 15.0  # seconds that traffic between two looks counts for, at most
IDLE_BYTES = 100_000  # that devices may receive unaccounted for: broadcasts, the router's own traffic
LOOKS_FROZEN = 2
IPV4 = 4  # bytes of a packed address

Key = tuple[int, Tuple]  # protocol, original direction


class Seen(NamedTuple):
    """A flow at one look; packets of both directions, None where the kernel does not count."""

    state: State
    packets: int | None


@dataclass(frozen=True, slots=True)
class Look:
    """A pair at one moment (`at`: seconds that never jump, `time`: for people, ISO 8601).

    `flows` are offloaded ones of its own, `marked` how many it has in hardware; `strays` packets so far on the slow
    path of those marked as hardware's; `received` bytes so far that came in on the pair's devices, `others` those that
    conntrack accounts to flows not in hardware.
    """

    at: float
    time: str
    flows: Mapping[Key, Seen]
    marked: int = 0
    strays: int = 0
    received: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a pair in hardware on `devices`; `tagged` are those whose packets carry VLAN tags or PPPoE.

    `since` is when `proof` became what it is; `moved` and `strays` count the packets it rests on; by family `stayed`
    has the flows that stayed in software, `busy` the seconds for which they moved, `taken` those that hardware took.
    """

    devices: tuple[str, ...]
    tagged: tuple[str, ...] = ()
    since: str = ""
    proof: Proof = Proof.BOUND
    look: Look | None = None
    moved: int = 0
    strays: int = 0
    stayed: Mapping[str, frozenset[Key]] = field(default_factory=dict)
    busy: Mapping[str, float] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    still: int = 0  # looks at which counters stood and devices received

    @property
    def in_hardware(self) -> int:
        """Live flows that carry the mark."""
        return self.look.marked if self.look else 0

    @property
    def frozen(self) -> bool:
        """Whether the counters of its hardware flows stand still."""
        return self.still >= LOOKS_FROZEN

    @property
    def settled(self) -> bool:
        """Whether there is a verdict, so that looks may be rarer."""
        return self.proof in {Proof.PROVEN, Proof.REFUSED}

    @property
    def verdict(self) -> Proof:
        """What its figures say."""
        if self._straying or (self._refused and not self.taken):
            return Proof.REFUSED
        counted = self.moved >= PACKETS or (self.frozen and self.in_hardware > 0)
        return Proof.PROVEN if counted else Proof.BOUND

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What is wrong with it, each with the likely cause."""
        devices, tagged = ", ".join(self.devices), ", ".join(self.tagged)
        found = []
        if self._straying:
            found.append(Why.HARDWARE_STRAYS(count=self.strays))
        for family in sorted(self._refused):
            count = len(self.stayed[family])
            if family in self.taken:
                found.append(Why.HARDWARE_FULL(count=count))
            elif self.taken:
                found.append(Why.HARDWARE_FAMILY(count=count, family=family, devices=devices))
            elif tagged:
                found.append(Why.HARDWARE_ENCAPSULATED(count=count, devices=tagged))
            else:
                found.append(Why.HARDWARE_DRIVER(count=count, devices=devices))
        if self.frozen:
            found.append(Why.HARDWARE_FROZEN(devices=devices))
        return tuple(dict.fromkeys(found))

    @property
    def _straying(self) -> bool:
        return self.strays >= PACKETS and self.strays * STRAYING > self.moved

    @property
    def _refused(self) -> set[str]:
        """The families whose flows stay in software."""
        return {
            family
            for family, flows in self.stayed.items()
            if len(flows) >= FLOWS or (family not in self.taken and self.busy.get(family, 0.0) >= SECONDS)
        }


def judged(case: Case, look: Look) -> Case:
    """The case after one more look."""
    before = case.look
    moved = _moved(before, look)
    hardware = {key: count for key, count in moved.items() if look.flows[key].state is State.HARDWARE}
    software = moved.keys() - hardware
    taken = case.taken | {_family(key) for key in hardware}
    seconds = min(look.at - before.at, LONGEST) if before else 0.0
    stayed, busy = dict(case.stayed), dict(case.busy)
    for family in ("ipv4", "ipv6"):
        if here := {key for key in software if _family(key) == family}:
            stayed[family] = frozenset([*stayed.get(family, ()), *here][:FLOWS])
            busy[family] = busy.get(family, 0.0) + seconds
        if any(_family(key) == family for key in hardware) and not here:
            stayed.pop(family, None)
            busy.pop(family, None)
    still = case.still + 1 if _stands_still(before, look, hardware) else 0 if hardware else case.still
    after = replace(
        case,
        look=look,
        moved=case.moved + sum(hardware.values()),
        strays=case.strays + (max(0, look.strays - before.strays) if before else 0),
        stayed=stayed,
        busy=busy,
        taken=taken,
        still=still,
    )
    proof = after.verdict
    return replace(after, proof=proof, since=case.since if proof is case.proof and case.look else look.time)


def _moved(before: Look | None, look: Look) -> dict[Key, int]:
    """Packets since the look before of the flows that were on the same path then."""
    found = {}
    for key, (state, packets) in look.flows.items():
        then = before.flows.get(key) if before else None
        if packets is None or then is None or then.packets is None or then.state is not state:
            continue
        if packets > then.packets:
            found[key] = packets - then.packets
    return found


def _stands_still(before: Look | None, look: Look, hardware: Mapping[Key, int]) -> bool:
    """Devices received what no flow accounts for, and no flow in hardware moved by its counters."""
    if before is None or hardware or not look.marked or look.others < before.others:
        return False
    return look.received - before.received > IDLE_BYTES + 2 * (look.others - before.others)


def _family(key: Key) -> str:
    return "ipv4" if len(key[1].src) == IPV4 else "ipv6"
