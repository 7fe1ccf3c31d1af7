"""Find what rules that look up sets and maps do to packets, by the elements of these. Pure.

nft writes `ct state vmap { established : accept }` and `ct state { established, related } accept` as a lookup in an
anonymous map or set, whose elements are no part of the rule. Only with them is it known where established packets go.
A LiveRule gets what follows from the elements (verdicts, chains, ...), not the elements.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from offload.model.kernel.live_rule import LiveRule
from offload.nouns import replace
from offload.system.netlink.wire import number
from offload.system.nft.nfnetlink.comparisons import ESTABLISHED
from offload.system.nft.nfnetlink.registers import ACCEPT, FINAL, GOTO, JUMP
from offload.system.nft.nfnetlink.rules import OBJECTS

STATE_BYTES = 4


class Verdict(NamedTuple):
    """An element of a set or map. `key`: in the kernel's bytes; empty: all keys that no other element has.

    `code`: of a verdict map the number of the verdict (DROP, JUMP, ...); None for other elements, and where an interval
    ends. `chain`: name of the chain that the verdict jumps or goes to; else empty.
    """

    key: bytes
    code: int | None = None
    chain: str = ""


Place = tuple[str, str, str]  # family, table, name of a set or chain
Elements = Callable[[Place], Collection[Verdict] | None]  # of a set or map; None: not known
Objects = Callable[[Place], int]  # the kind of objects in a map (NFT_OBJECT_LIMIT); 0: none, or not known


def resolved(
    rules: Iterable[LiveRule], chains: Mapping[tuple[str, str], Iterable[str]], elements: Elements, objects: Objects
) -> Iterator[LiveRule]:
    """Yield the rules with what the elements of the sets and maps in their field `asked` say; `asked` is then empty.

    - A lookup of the connection's state: `opening` becomes True if no established packet matches it, and `ends` False
      if not all of them are accepted; chains that a verdict map leads them to are added to `targets`.
    - Another verdict map: its chains are added to `targets`, its verdicts accept, drop and return to `does`.
    - A map of objects: their kind (limit, quota) is added to `does`.

    If the elements are not known, or those of a lookup of the state are no states, `ends` becomes False, and a verdict
    map adds all chains of the table to `targets`, and unless it is one of states all its verdicts to `does`, as it may
    have any. `chains`: names by (family, table). `elements`, `objects`: functions that give the elements of a set or
    map, and the kind of a map's objects.
    """
    for rule in rules:
        found = rule
        for name, use in rule.asked:
            place = rule.family, rule.table, name
            if use == "object":
                found = replace(found, does=(*_does(objects(place)), *found.does))
            elif (known := elements(place)) is None or (use != "vmap" and not all(map(_is_state, known))):
                every = tuple(chains.get((rule.family, rule.table), ())) if use.endswith("vmap") else ()
                verdicts = tuple(FINAL.values()) if use == "vmap" else ()
                does = tuple(dict.fromkeys((*found.does, *verdicts)))
                found = replace(found, does=does, targets=(*found.targets, *every), ends=False)
            elif use == "vmap":
                codes = {each.code for each in known}
                final = (word for code, word in FINAL.items() if code in codes)
                targets = tuple(dict.fromkeys((*found.targets, *_chains(known))))
                found = replace(found, does=tuple(dict.fromkeys((*found.does, *final))), targets=targets)
            else:
                found = _by_state(found, use, known)
        yield replace(found, asked=()) if rule.asked else rule


def _does(kind: int) -> tuple[str, ...]:
    return (OBJECTS[kind],) if kind in OBJECTS else ()


def _is_state(element: Verdict) -> bool:
    return len(element.key) in {0, STATE_BYTES}


def _chains(elements: Iterable[Verdict]) -> tuple[str, ...]:
    return tuple(sorted({each.chain for each in elements if each.code in {JUMP, GOTO}}))


def _by_state(rule: LiveRule, use: str, elements: Collection[Verdict]) -> LiveRule:
    # The elements for `established` count, or else those for all keys.
    own = [each for each in elements if number(each.key) == ESTABLISHED] or [each for each in elements if not each.key]
    if bool(own) == use.startswith("not"):
        return replace(rule, opening=True, ends=False)
    if not use.endswith("vmap"):
        return rule
    accepted = all(each.code == ACCEPT for each in own)
    return replace(rule, targets=(*rule.targets, *_chains(own)), ends=rule.ends and accepted)
