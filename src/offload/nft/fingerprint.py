"""Fingerprints of rules, in comments: the kernel lists a rule in other words than it got, so text cannot be compared.

A comment is `offload FINGERPRINT[ SET=DIGEST][ WORDS]`. The fingerprint is a hash of the rule's conditions and verdict
and of its chain; the digest is a hash of the elements of a set that the rule looks up, so these need not be listed.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

from offload.model.kernel.live import FINGERPRINT
from offload.model.kernel.nft import Chain, Hook, Include, Map, Rule, Set
from offload.model.text.octets import as_bytes
from offload.nft.match import text

_ASKED = re.compile(r"@(\w+)", re.ASCII)


def digest(words: str) -> str:
    """The first twelve hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(as_bytes(words)).hexdigest()[:12]


def fixed(sets: Iterable[Set | Map]) -> Iterator[Set | Map]:
    """Yield the sets and maps whose elements are compared with the kernel's.

    Not among them are sets that packets fill (flag dynamic), and sets whose elements the service adds and deletes one
    by one (`followed`).
    """
    return (each for each in sets if isinstance(each, Map) or not ("dynamic" in each.flags or each.followed))


def digests(sets: Iterable[Set | Map]) -> dict[str, str]:
    """{name: digest of its elements, 12 hexadecimal digits} for all maps, and for the sets that `fixed` gives.

    The order of the elements does not matter. The digest of a map also covers its `meaning`, the indexes of devices.
    """
    return {each.name: digest("\n".join((*sorted(each.elements), _meaning(each)))) for each in fixed(sets)}


def _meaning(each: Set | Map) -> str:
    return each.meaning if isinstance(each, Map) else ""


def marked(chain: Chain, of_sets: Mapping[str, str], covers: str = "") -> Chain:
    """The chain with comments by which its rules are recognized in the kernel's listing: `offload HASH SET=DIGEST`.

    HASH covers the rule's conditions and verdict, the chain's name and hook, and the text `covers`. `of_sets`: {set:
    digest of its elements}; a rule gets SET=DIGEST for each of these sets that it looks up. The comment that a rule had
    before comes last. Include statements stay as they are.
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
