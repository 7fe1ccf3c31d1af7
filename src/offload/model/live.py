"""What of ours the kernel holds, as far as `nft -j` tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FINGERPRINT = "offload "  # stands before a chain's fingerprint in the comment of its last rule

# Elements by set, in the words render would use. Of a map: key and verdict, `"a" . "b" : goto policy_0`.
Elements = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One of our tables in the kernel, or what it would list of a table of the Plan.

    `nft -j` says nothing of a flowtable's flags and counter and prints rules in words of its own, so each chain's
    last rule carries a fingerprint of the chain as we wrote it (the forward chain's speaks for the flowtable too).
    Devices and elements are compared one by one: the kernel drops devices that go away, and others may change what is
    ours.
    """

    name: str
    devices: frozenset[str] = frozenset()
    elements: Elements = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)  # of each chain; empty for one without rules
    rules: Mapping[str, int] = field(default_factory=dict)  # how many each chain has
