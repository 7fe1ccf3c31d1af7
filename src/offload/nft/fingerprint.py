"""Fingerprints of rules, as comments: the kernel prints rules in words of its own, so they cannot be compared as text.

A comment is `LABEL FINGERPRINT[ SET=DIGEST][ WORDS]`. The fingerprint covers the rule, its chain and its hook; the
digest covers the elements of the set that the rule looks up, so that these need not be listed.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from offload.model.kernel.live import FINGERPRINT
from offload.model.kernel.nft import Chain, Hook, Include, Map, Rule, Set
from offload.nft.match import text

_ASKED = re.compile(r"@(\w+)", re.ASCII)


def digest(words: str) -> str:
    """The first twelve hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(words.encode()).hexdigest()[:12]


def fixed(sets: Iterable[Set | Map]) -> Iterator[Set | Map]:
    """The sets and maps whose elements are compared: all maps, and sets that neither packets nor the service fill."""
    return (each for each in sets if isinstance(each, Map) or not ("dynamic" in each.flags or each.followed))


def digests(sets: Iterable[Set | Map]) -> dict[str, str]:
    """By name, the digest of each set or map: of its elements, whatever their order, and a map's `meaning`.

    Only of those in `fixed`.
    """
    return {each.name: digest("\n".join((*sorted(each.elements), _meaning(each)))) for each in fixed(sets)}


def _meaning(each: Set | Map) -> str:
    return each.meaning if isinstance(each, Map) else ""


def marked(chain: Chain, of_sets: Mapping[str, str], covers: str = "") -> Chain:
    """The chain with a fingerprint added to each rule's comment, before the rule's own words; includes stay the same.

    `of_sets`: digest of the elements by set; that of each set that the rule names comes after the fingerprint.
    `covers`: other text of the table that the fingerprints cover as well.
    """
    place = f"{chain.name}\n{_hook(chain.hook)}\n{covers}\n"
    rules = (each if isinstance(each, Include) else _marked(each, place, of_sets) for each in chain.rules)
    return chain._replace(rules=tuple(rules))


def _marked(rule: Rule, place: str, of_sets: Mapping[str, str]) -> Rule:
    written = f"{text(rule.match)}{rule.verdict}"
    words = [f"{FINGERPRINT}{digest(place + written)}"]
    words += [f"{name}={of_sets[name]}" for name in _ASKED.findall(written) if name in of_sets]
    words += [rule.comment] if rule.comment else []
    return rule._replace(comment=" ".join(words))


def _hook(hook: Hook | None) -> str:
    return f"type {hook.type} hook {hook.hook} priority {hook.priority}; policy {hook.policy};" if hook else ""
