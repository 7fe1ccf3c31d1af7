"""What of ours the kernel holds, as far as `nft -j` tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

STRAY_SET = "stray"  # of a hardware table: counts its flows' packets that took the slow path, by (iif, oif)
FINGERPRINT = "offload "  # stands before a rule's fingerprint in its comment


class TimedElement(NamedTuple):
    """An element that the kernel will remove by itself; `key` and `comment` as text, times in seconds."""

    set: str
    key: str
    comment: str
    timeout: int
    expires: int


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One of our tables in the kernel, or what it would list of a table of the Plan.

    `nft -j` says nothing of a flowtable's flags and counter and prints rules in words of its own, so every rule carries
    a fingerprint of itself as we wrote it (the forward chain's speak for the flowtable too). Devices and elements are
    compared one by one: the kernel drops devices that go away, and others may change what is ours.

    `elements` by set, in render's words (of a map: key and verdict, `"a" . "b" : goto policy_0`); `rules` by chain, as
    fingerprints in order, empty for a rule that is not ours. `timed` has the elements that end by themselves once more;
    how long they have still to live makes no difference between two tables. No more do `strays`: packets on the slow
    path of flows that hardware is said to have, by the devices they came in on and were to leave by.
    """

    name: str
    devices: frozenset[str] = frozenset()
    elements: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timed: tuple[TimedElement, ...] = field(default=(), compare=False)
    strays: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)
