"""Find the rules of nft files that the kernel does not hold yet, and which of them must see every packet. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from offload.compiler.offload.foreign_rules import ANONYMOUS, treating
from offload.model.kernel.live_rule import LiveChain, LiveRule, PacketRule, Ruleset, UnloadedFile
from offload.nouns import dataclass, replace


@dataclass(frozen=True, slots=True)
class NftFile:
    """An nft file that the firewall includes. `position`, such as `table-append`: where in the ruleset it is included.

    `content`: (base chains, rules) that it would add. `path`: of the file.
    """

    path: str
    position: str
    content: Ruleset


def unloaded(live: Ruleset, files: Sequence[NftFile], ours: Iterable[str]) -> tuple[UnloadedFile, ...]:
    """The nft files with rules that the kernel does not hold yet and that must see every packet, each with these rules.

    Rules are compared with the kernel's by chain, comment, and what they do and match; those of files at a `prepend`
    position count as before the kernel's rules, others as behind them. `live`: the kernel's (chains, rules). `files`:
    the files that the firewall includes. `ours`: names of the tables of offload. Files without such rules are left out.
    """
    held = {_plainly(rule) for rule in live[1]} if any(each.content[1] for each in files) else frozenset[LiveRule]()
    new = {each.path: [rule for rule in each.content[1] if _plainly(rule) not in held] for each in files}
    if not any(new.values()):
        return ()
    owners = {id(rule): path for path, rules in new.items() for rule in rules}
    first = {each.path for each in files if each.position.endswith("prepend")}
    rules = [
        *(rule for path, own in new.items() if path in first for rule in own),
        *live[1],
        *(rule for path, own in new.items() if path not in first for rule in own),
    ]
    found: dict[str, dict[PacketRule, None]] = {}
    for rule, treated in treating((*live[0], *_chains(live, files)), rules, ours):
        if id(rule) in owners:
            found.setdefault(owners[id(rule)], {})[treated] = None
    return tuple(UnloadedFile(path, tuple(each)) for path, each in found.items())


def _chains(live: Ruleset, files: Iterable[NftFile]) -> Iterator[LiveChain]:
    known = {(each.family, each.table, each.name) for each in live[0] if each.hook}
    yield from (each for file in files for each in file.content[0] if (each.family, each.table, each.name) not in known)


# The kernel numbers anonymous sets anew, and may list the targets of a vmap in another order.
def _plainly(rule: LiveRule) -> LiveRule:
    named = tuple(name for name in rule.sets if not name.startswith(ANONYMOUS))
    return replace(rule, targets=tuple(sorted(rule.targets)), sets=named, digest=0)
