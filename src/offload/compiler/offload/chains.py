"""The chains of one of our tables, rule by rule. Pure."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from offload.compiler.offload.exempt_sets import ExemptRules
from offload.model.config import Family
from offload.model.live import FINGERPRINT, MISSED, STRAY_SET
from offload.model.plan import PAIRS, Element, PolicyKey, Table

# IPS_OFFLOAD and IPS_HW_OFFLOAD: packets of flows that hardware is said to have. One that is here proves the contrary.
STRAYS = f"ct status & 0xc000 == 0xc000 update @{STRAY_SET} {{ iifname . oifname counter }}"
FORWARD = "type filter hook forward priority filter + 10; policy accept;"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as nft text.

    `asks` is the named set it looks up, `digest` that set's elements. `misses`: it counts packets that the full set
    of the rule before could not remember.
    """

    text: str
    asks: str = ""
    digest: str = ""
    misses: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain: `hook` is the line that makes it a base chain, empty for a regular one.

    `covers` is what else of the table the fingerprints of its rules cover.
    """

    name: str
    rules: tuple[Rule, ...]
    hook: str = ""
    covers: str = ""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """One per rule: same text at the same place, same fingerprint."""
        place = f"{self.name}\n{self.hook}\n{self.covers}\n"
        return tuple(digest(place + rule.text) for rule in self.rules)

    @property
    def digests(self) -> dict[str, str]:
        """The digests of the sets that its rules ask, by name."""
        return {rule.asks: rule.digest for rule in self.rules if rule.asks}

    @property
    def lines(self) -> tuple[str, ...]:
        """The rules as they are sent, with a comment that model/live.py reads back."""
        marked = zip(self.rules, self.fingerprints, strict=True)
        return tuple(f'{rule.text} comment "{_comment(rule, mark)}"' for rule, mark in marked)


def digest(text: str) -> str:
    """Twelve hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _comment(rule: Rule, mark: str) -> str:
    asks = f" {rule.asks}={rule.digest}" if rule.asks else ""
    return f"{FINGERPRINT}{mark}{asks}{f' {MISSED}' if rule.misses else ''}"


def chains(table: Table, exempts: ExemptRules) -> tuple[Chain, ...]:
    """All chains of a table; those that others go to stand first.

    Only packets of the original direction reach the exemptions and the map, so that these mean what the user wrote and
    no reply undoes them. `accept` leaves our base chain, no more: the firewall has spoken before, at priority filter.
    """
    return (
        *(_policy(key, table.flowtable) for key in table.policies),
        Chain("exempt", tuple(_exempt_rules(exempts))),
        Chain(
            "forward",
            (
                *((Rule(STRAYS),) if table.hardware else ()),
                Rule("ct state != established accept"),
                Rule("ct direction != original accept"),
                Rule("jump exempt"),
                Rule(f"iifname . oifname vmap @{PAIRS}", PAIRS, _of_elements(map(element_text, table.elements))),
            ),
            hook=FORWARD,
            covers=f"{table.flowtable} {'offload ' if table.hardware else ''}counter",
        ),
    )


def element_text(element: Element) -> str:
    """One element of map `pairs`."""
    return f'"{element.iif}" . "{element.oif}" : goto {element.policy.chain}'


def _exempt_rules(exempts: ExemptRules) -> Iterator[Rule]:
    digests = {each.name: _of_elements(each.elements) for each in exempts.sets}
    for rule in exempts.rules:
        name = rule.rpartition("@")[2] if "@" in rule else ""
        yield Rule(f"{rule} accept".lstrip(), name, digests.get(name, ""))


def _of_elements(elements: Iterable[str]) -> str:
    return digest("\n".join(sorted(elements)))


def _policy(key: PolicyKey, flowtable: str) -> Chain:
    family = (Rule(f"meta nfproto != {key.family} accept"),) if key.family != Family.ANY.value else ()
    after = (Rule(f"ct original packets < {key.after_packets} accept"),) if key.after_packets else ()
    return Chain(key.chain, (*family, *after, Rule(f"flow add @{flowtable}")))
