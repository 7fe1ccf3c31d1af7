"""Random changes during traffic: downloads, uploads and quiet connections survive them with short interruptions.

The changes are made in a fork, so that the traffic of this process waits for the kernel and not for Python.
"""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import pytest

from kernel.evidence import Key
from kernel.house import OFFLOAD, House, Shape
from kernel.inside import applied, decided, in_fork, observed
from kernel.netns import Namespace
from kernel.sides import bridge, port
from kernel.steady import Steady, download, lag, quiet, upload
from kernel.traffic import Crossing
from offload.model.network import Snapshot

CHANGES = 100 if os.environ.get("OFFLOAD_SOAK") else 10
LONGEST_GAP = 0.2  # seconds
# Packets of a fast flow that a return sends over the slow path, in each direction. 5 were seen on a machine of our own,
# 6 on a busy one: it seems to be a time rather than a number, the time until the kernel has let the old
# table's flows go, so a faster flow would count more.
MOST_SLOW = 12
AFTERWARDS = 0.4  # seconds in which they are counted: a quiet connection has spoken
CALM = 3  # passes that change nothing
BUSY = ["busybox", "sh", "-c", "while :; do :; done"]


@dataclass(frozen=True)
class Choice:
    """The user's configuration at the moment; the flows under test are those from lan and those to lan."""

    lan: str = "software"
    iot: str = "software"
    devices: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    exempts: frozenset[int] = frozenset()
    after: int = 0

    @property
    def keeps(self) -> bool:
        """Whether the flows under test must be on the fast path by this configuration."""
        return self.lan == "software"

    def text(self) -> str:
        """As /etc/config/offload."""
        lists = [f"\tlist device '{name}'\n" for name in sorted(self.devices)]
        lists += [f"\tlist exclude_device '{name}'\n" for name in sorted(self.excluded)]
        modes = {"lan": self.lan, "iot": self.iot}
        zones = [f"\nconfig zone\n\toption name '{zone}'\n\toption mode '{mode}'\n" for zone, mode in modes.items()]
        exempts = [f"\nconfig exempt\n\tlist dest_ip '198.18.0.{number}'\n" for number in sorted(self.exempts)]
        return OFFLOAD + f"\toption after_packets '{self.after}'\n" + "".join((*lists, *zones, *exempts))

    def changed(self, dice: random.Random) -> "Choice":
        """One of the things a user might do next; reloading without a change is one of them."""
        number = dice.randrange(1, 250)
        return dice.choice(
            [
                self,
                replace(self, lan="none" if self.keeps else "software"),
                replace(self, iot="none" if self.iot == "software" else "software"),
                replace(self, devices=self.devices ^ {"dummy0"}),
                replace(self, excluded=self.excluded ^ {"lan1"}),
                replace(self, exempts=self.exempts | {number}),
                replace(self, exempts=frozenset(sorted(self.exempts)[1:])),
                replace(self, after=dice.choice([0, 3, 5])),
            ]
        )


@dataclass
class Change:
    """A change and its effect: the tables that it returned, and counts of slow packets before and after it."""

    what: Choice
    kept: bool
    returned: tuple[str, ...]
    seconds: float
    before: dict[Key, int]
    after: dict[Key, int]


@pytest.fixture(scope="module")
def snapshot(house: House) -> Iterator[Snapshot]:
    sides = {"lan": bridge(port("lan1")), "iot": bridge(port("lan2"), name="br-iot"), "wan": port("wan")}
    with house.shaped(Shape(sides)):
        house.router.ip("link add dummy0 type dummy", "link set dummy0 up")
        yield observed(house.router)
        house.router.ip("link del dummy0")


def storm(house: House, snapshot: Snapshot, count: int, seed: int) -> list[Change]:
    """Apply so many random changes, one after the other."""
    dice, choice, changes = random.Random(seed), Choice(), []  # noqa: S311  # a dice, and the same one every time
    # whatever the dice say: one change that returns the table and one that only adds to it
    surely = [replace(choice, exempts=frozenset({251})), replace(choice, exempts=frozenset({251}), after=3)]
    for number in range(count):
        before, choice = choice, surely[number] if number < len(surely) else choice.changed(dice)
        (house.router.config / "offload").write_text(choice.text())
        counted = house.evidence.counted()
        started = time.monotonic()
        done = applied(house.router, decided(house.router, snapshot))
        seconds = time.monotonic() - started
        time.sleep(AFTERWARDS)
        kept = before.keeps and choice.keeps
        changes.append(Change(choice, kept, done.returned, seconds, counted, house.evidence.counted()))
        time.sleep(AFTERWARDS)
    return changes


@contextmanager
def traffic(house: House) -> Iterator[list[Steady]]:
    """Downloads, uploads and quiet connections: from inside through masquerade, from outside through a port forward."""
    (house.router.config / "offload").write_text(Choice().text())
    applied(house.router, decided(house.router, observed(house.router)))
    with ExitStack() as stack:
        yield [
            stack.enter_context(kind(house.call(src, dest)))
            for src, dest in (("lan", "wan"), ("wan", "lan"))
            for kind in (download, upload, quiet)
        ]


@contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep the processors busy."""
    busy = [subprocess.Popen(BUSY) for _ in range(processes)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


@pytest.mark.parametrize(("busy", "count"), [(0, CHANGES), (2, max(CHANGES // 2, 4))], ids=["idle", "busy"])
def test_connections_live_through_changes(house: House, snapshot: Snapshot, busy: int, count: int) -> None:
    seed = random.randrange(1_000_000)  # noqa: S311  # a dice
    with traffic(house) as flows, load(busy):
        calm, lost = undisturbed(house, snapshot, flows)
        before = sum(map(retransmitted, house.hosts.values()))
        with Steady(flows[0].talk, lambda _: None) as clock:  # the machine's own pauses: it only waits, time and again
            changes = in_fork(lambda: storm(house, snapshot, count, seed))
    kept = [(change, [slow(house, flow, change) for flow in flows]) for change in changes if change.kept]
    print(f"\nseed {seed}, a pass takes {median(change.seconds for change in changes):.2f} s")
    print(
        f"longest gaps {[round(flow.longest, 3) for flow in flows]}, undisturbed {calm:.3f}, paused {lag([clock]):.3f}"
    )
    print(f"retransmitted {sum(map(retransmitted, house.hosts.values())) - before}, undisturbed {lost}")
    print("\n".join(f"{change.returned} {counts}" for change, counts in kept))
    assert [flow.error for flow in flows] == [None] * len(flows)
    assert [counts for change, counts in kept if not change.returned and any(map(sum, counts))] == []
    assert [counts for change, counts in kept if change.returned and max(map(max, counts)) > MOST_SLOW] == []
    # A pass takes the processor from the flows as well, and so do others, even where nothing changes; in a round of a
    # flow both its ends wait for the processor.
    assert max(flow.longest for flow in flows) < LONGEST_GAP + calm + 2 * lag([clock])


def undisturbed(house: House, snapshot: Snapshot, flows: list[Steady]) -> tuple[float, int]:
    """The longest wait of the flows in seconds, and the segments sent again, during passes that change nothing."""
    before = sum(map(retransmitted, house.hosts.values()))
    in_fork(lambda: [applied(house.router, decided(house.router, snapshot)) for _ in range(CALM)])
    return max(flow.longest for flow in flows), sum(map(retransmitted, house.hosts.values())) - before


def slow(house: House, flow: Steady, change: Change) -> Crossing:
    """The slow packets of a flow while a change was made."""
    return house.evidence.slow(flow.talk, change.after) - house.evidence.slow(flow.talk, change.before)


def retransmitted(host: Namespace) -> int:
    """TCP segments that a host had to send again: what the changes lost, whatever the processors were busy with."""
    with host.entered():
        names, values = (
            line.split() for line in Path("/proc/thread-self/net/snmp").read_text().splitlines() if "Tcp:" in line
        )
    return int(values[names.index("RetransSegs")])
