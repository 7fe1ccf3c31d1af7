"""Read nf_tables over nfnetlink: names of tables, forward chains, rules, and one table except the elements of sets."""

import errno
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, partial

from offload.errors import NftError
from offload.model.kernel.live import LiveTable, RuleId, marks
from offload.model.kernel.live_rule import Ruleset
from offload.model.network import ForwardChain
from offload.nouns import dataclass
from offload.system.netlink.dump import dump as read
from offload.system.netlink.wire import NETLINK_NETFILTER, Attributes, Message
from offload.system.nft import elements
from offload.system.nft.nfnetlink import messages
from offload.system.nft.nfnetlink.messages import (
    CHAINS,
    FLOWTABLES,
    NFPROTO_INET,
    NFPROTO_UNSPEC,
    RULES,
    SETS,
    TABLES,
)
from offload.system.nft.nfnetlink.rule_runs import Rules, live_rules, remembered
from offload.system.nft.nfnetlink.rules import FAMILIES, live_chain
from offload.system.nft.verdict_maps import Place, resolved

SENTENCES = {
    errno.EPERM: "nft may not touch the ruleset: run as root",
    errno.EINVAL: "this kernel has no nftables; install kmod-nft-core",  # no handler for this subsystem
    errno.EPROTONOSUPPORT: "this kernel has no nftables; install kmod-nft-core",
}


@dataclass(frozen=True, slots=True)
class Outline:
    """A table without the elements of its sets.

    `sets`: {name: `set` or `map`} of the named sets and maps that packets do not fill (without the flag `dynamic`).
    """

    table: LiveTable  # its `elements` are empty
    sets: dict[str, str]


def inet_tables() -> frozenset[str]:
    """The names of all tables of family inet in this network namespace. NftError if the kernel does not list them."""
    found = dump(TABLES, NFPROTO_INET)
    return frozenset(messages.name(each, messages.TABLE) for family, each in found if family == NFPROTO_INET) - {""}


def forward_chains() -> tuple[ForwardChain, ...]:
    """The base chains on the forward hook of families inet, ip and ip6, sorted by priority.

    NftError if the kernel does not list its chains.
    """
    found = (messages.forward_chain(family, each) for family, each in dump(CHAINS, NFPROTO_UNSPEC))
    return tuple(sorted((chain for chain in found if chain), key=lambda chain: (chain.priority, chain)))


def outline(table: str) -> Outline:
    """Read one of offload's tables (family inet) from the kernel, without the elements of its sets.

    The LiveTable has, of rules, the hashes that offload wrote into their comments, and the number of packets that found
    a set full; of flowtables, the devices and whether they count. NftError if there is no such table, or the kernel
    does not list it.
    """
    rules: dict[str, list[str]] = {name: [] for name in _chains(table)}
    digests: dict[str, str] = {}
    missed = 0
    for rule in _of_table(table, RULES):
        mark, contents, misses = marks(messages.comment(rule))
        rules.setdefault(messages.name(rule, messages.RULE_CHAIN), []).append(mark)
        digests |= contents
        missed += messages.counted(rule) if misses else 0
    flowtables = list(_of_table(table, FLOWTABLES))
    live = LiveTable(
        table,
        frozenset[str]().union(*(messages.devices(each) for each in flowtables)),
        rules={chain: tuple(found) for chain, found in rules.items()},
        digests=digests,
        counter=all(messages.counts(each) for each in flowtables),
        missed=missed,
    )
    return Outline(live, dict(_sets_without_dynamic(_of_table(table, SETS))))


def handles(table: str) -> frozenset[RuleId]:
    """The RuleId of each rule of the table of family inet with this name; empty if there is no such table.

    NftError if the kernel does not list them.
    """
    before: int | None = None
    rules: list[Attributes] = []
    while (now := _handle(table)) != before:  # again if the table was made again while its rules were listed
        before, rules = now, list(_of_table(table, RULES))
    return frozenset(
        (messages.name(each, messages.RULE_CHAIN), messages.integer(each, messages.RULE_HANDLE, messages.LONG), now)
        for each in rules
    )


def _handle(table: str) -> int:
    # 0: there is no such table
    found = (each for family, each in dump(TABLES, NFPROTO_INET) if family == NFPROTO_INET)
    numbers = (
        messages.integer(each, messages.TABLE_HANDLE, messages.LONG)
        for each in found
        if messages.name(each, messages.TABLE) == table
    )
    return next(numbers, 0)


def ruleset(before: Rules) -> tuple[Ruleset, Rules]:
    """Read all chains and rules of families inet, ip, ip6, bridge and netdev: ((chains, rules), Rules).

    `before`: the Rules that the last call returned; a rule with the same bytes as then is not parsed again. What a rule
    does by the elements of its sets and maps is in it (verdict_maps.py). In a large ruleset several plain rules in a
    row become one LiveRule (rule_runs.py). NftError if the kernel does not list chains, rules or sets.
    """
    found = (live_chain(family, each) for family, each in dump(CHAINS, NFPROTO_UNSPEC))
    chains = tuple(each for each in found if each)
    names = defaultdict[tuple[str, str], list[str]](list)
    for chain in chains:
        names[chain.family, chain.table].append(chain.name)
    known: Rules = {}
    rules = live_rules(list(_rules()), partial(remembered, before, known))
    return (chains, tuple(resolved(rules, names, cache(elements.verdicts), cache(_kind_of_objects)))), known


def _kind_of_objects(place: Place) -> int:
    for number, each in dump(SETS, NFPROTO_UNSPEC):
        if (FAMILIES.get(number), messages.name(each, messages.TABLE), messages.name(each, messages.SET_NAME)) == place:
            return messages.integer(each, messages.SET_OBJECTS)
    return 0


def missed(table: str) -> int:
    """How many accepted reply packets there were for which the set `replied4` or `replied6` of this table had no room.

    0 if the table has no such sets, or does not exist. NftError if the kernel does not list its rules.
    """
    counting = (rule for rule in _of_table(table, RULES) if marks(messages.comment(rule))[2])
    return sum(messages.counted(rule) for rule in counting)


def dump(kind: tuple[int, int], family: int, table: str = "") -> Iterator[tuple[int, Attributes]]:
    """Read the objects of a kind (TABLES, RULES, ...) from the kernel, as (family number, attributes).

    `family`: number; NFPROTO_UNSPEC: all. `table`: name of the table whose objects are wanted; some kernels ignore it
    and give the objects of all tables. NftError if the kernel refuses or does not reply.
    """
    return messages.objects(_messages(kind, family, table), kind)


def _rules() -> Iterator[tuple[int, Attributes]]:
    return messages.rules(_messages(RULES, NFPROTO_UNSPEC))


def _messages(kind: tuple[int, int], family: int, table: str = "") -> list[Message]:
    try:
        return read(NETLINK_NETFILTER, messages.request(kind, family, table))
    except OSError as error:
        known = SENTENCES.get(error.errno or 0)
        raise NftError(known or f"the kernel does not list its nft tables: {error.strerror or error}") from error


def _of_table(table: str, kind: tuple[int, int]) -> Iterator[Attributes]:
    # some kernels also dump the objects of other tables
    for family, found in dump(kind, NFPROTO_INET, table):
        if family == NFPROTO_INET and messages.name(found, messages.TABLE) == table:
            yield found


def _chains(table: str) -> Iterator[str]:
    return (messages.name(each, messages.CHAIN_NAME) for each in _of_table(table, CHAINS))


def _sets_without_dynamic(found: Iterable[Attributes]) -> Iterator[tuple[str, str]]:
    for each in found:
        flags = messages.integer(each, messages.SET_FLAGS)
        if not flags & (messages.NFT_SET_ANONYMOUS | messages.NFT_SET_EVAL):
            yield messages.name(each, messages.SET_NAME), "map" if flags & messages.NFT_SET_MAP else "set"
