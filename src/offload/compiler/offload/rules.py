"""Rules and chains as nft text, each rule with a comment by which it is known again. Pure."""

import hashlib

from offload.model.live import FINGERPRINT, MISSED
from offload.nouns import dataclass


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
