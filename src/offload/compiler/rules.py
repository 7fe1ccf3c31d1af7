"""The chains of one of our tables, rule by rule. Pure."""

import hashlib
from dataclasses import dataclass

from offload.compiler.exempts import ExemptRules
from offload.model.config import Family
from offload.model.live import FINGERPRINT
from offload.model.plan import PolicyKey, Table

FORWARD = "type filter hook forward priority filter + 10; policy accept;"


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as nft text: `hook` is the line that makes it a base chain, empty for a regular one."""

    name: str
    rules: tuple[str, ...]
    hook: str = ""
    speaks_for: str = ""  # what else of the table this chain's fingerprint covers

    @property
    def fingerprint(self) -> str:
        """Same text, same fingerprint; empty for a chain without rules, which has no place for one."""
        text = "\n".join((self.name, self.hook, self.speaks_for, *self.rules))
        return hashlib.sha256(text.encode()).hexdigest()[:16] if self.rules else ""

    @property
    def marked_rules(self) -> tuple[str, ...]:
        """The rules, the last of them with the chain's fingerprint as its comment."""
        if not self.rules:
            return ()
        *first, last = self.rules
        return (*first, f'{last} comment "{FINGERPRINT}{self.fingerprint}"')


def chains(table: Table, exempts: ExemptRules) -> tuple[Chain, ...]:
    """All chains of a table; those that others go to stand first.

    Only packets of the original direction reach the exemptions and the map, so that these mean what the user wrote
    and no reply undoes them. `accept` leaves our base chain, no more: the firewall has spoken before, at priority
    filter.
    """
    return (
        *(_policy(key, table.flowtable) for key in table.policies),
        Chain("exempt", tuple(f"{rule} accept".lstrip() for rule in exempts.rules)),
        Chain(
            "forward",
            (
                "ct state != established accept",
                "ct direction != original accept",
                "jump exempt",
                "iifname . oifname vmap @pairs",
            ),
            hook=FORWARD,
            speaks_for=f"{table.flowtable} {'offload ' if table.hardware else ''}counter",
        ),
    )


def _policy(key: PolicyKey, flowtable: str) -> Chain:
    family = (f"meta nfproto != {key.family} accept",) if key.family != Family.ANY.value else ()
    after = (f"ct original packets < {key.after_packets} accept",) if key.after_packets else ()
    return Chain(key.chain, (*family, *after, f"flow add @{flowtable}"))
