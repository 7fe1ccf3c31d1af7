"""What of ours the kernel holds, as far as `nft -j` tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field

FINGERPRINT = "offload plan "  # stands before the fingerprint in a rule's comment


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One of our tables in the kernel.

    `nft -j` says nothing of a flowtable's flags and counter, and orders elements as it likes, so `fingerprint` (the
    comment of the last rule, made from the whole text) speaks for what cannot be compared; the rest finds what the
    kernel dropped by itself (devices that went away) and what others changed. `sizes` counts the rules of chains and
    the elements of sets.
    """

    name: str
    fingerprint: str = ""
    devices: frozenset[str] = frozenset()
    sizes: Mapping[str, int] = field(default_factory=dict)
