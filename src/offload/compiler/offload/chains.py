"""The chains of one of our tables, rule by rule. Pure."""

import hashlib
from dataclasses import dataclass

from offload.compiler.offload.exempt_sets import ExemptRules
from offload.model.config import Family
from offload.model.live import FINGERPRINT, STRAY_SET
from offload.model.plan import PolicyKey, Table

# IPS_OFFLOAD and IPS_HW_OFFLOAD: packets of flows that hardware is said to have. One that is here proves the contrary.
STRAYS = f"ct status & 0xc000 == 0xc000 update @{STRAY_SET} {{ iifname . oifname counter }}"
FORWARD = "type filter hook forward priority filter + 10; policy accept;"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as nft text: `hook` is the line that makes it a base chain, empty for a regular one.

    `speaks_for` is what else of the table the fingerprints of its rules cover.
    """

    name: str
    texts: tuple[str, ...]
    hook: str = ""
    covers: str = ""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """One per rule: same text at the same place, same fingerprint."""
        place = f"{self.name}\n{self.hook}\n{self.covers}\n"
        return tuple(hashlib.sha256((place + text).encode()).hexdigest()[:12] for text in self.texts)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules with their fingerprints as comments."""
        marked = zip(self.texts, self.fingerprints, strict=True)
        return tuple(f'{text} comment "{FINGERPRINT}{mark}"' for text, mark in marked)


def chains(table: Table, exempts: ExemptRules) -> tuple[Chain, ...]:
    """All chains of a table; those that others go to stand first.

    Only packets of the original direction reach the exemptions and the map, so that these mean what the user wrote and
    no reply undoes them. `accept` leaves our base chain, no more: the firewall has spoken before, at priority filter.
    """
    return (
        *(_policy(key, table.flowtable) for key in table.policies),
        Chain("exempt", tuple(f"{rule} accept".lstrip() for rule in exempts.rules)),
        Chain(
            "forward",
            (
                *((STRAYS,) if table.hardware else ()),
                "ct state != established accept",
                "ct direction != original accept",
                "jump exempt",
                "iifname . oifname vmap @pairs",
            ),
            hook=FORWARD,
            covers=f"{table.flowtable} {'offload ' if table.hardware else ''}counter",
        ),
    )


def _policy(key: PolicyKey, flowtable: str) -> Chain:
    family = (f"meta nfproto != {key.family} accept",) if key.family != Family.ANY.value else ()
    after = (f"ct original packets < {key.after_packets} accept",) if key.after_packets else ()
    return Chain(key.chain, (*family, *after, f"flow add @{flowtable}"))
