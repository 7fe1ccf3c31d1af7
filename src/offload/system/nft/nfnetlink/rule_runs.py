"""Make LiveRules from a dump of all rules; in a large ruleset several plain rules in a row become one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from offload.model.kernel.live_rule import CONFIGURED, EVERY_PACKET, LiveRule, RuleMatch
from offload.system.netlink.wire import Attributes, device_name, text
from offload.system.nft.nfnetlink.messages import RULE_CHAIN, RULE_EXPRESSIONS, RULE_USERDATA, TABLE, comment
from offload.system.nft.nfnetlink.plain_rules import NOT_BY_SET, Match, plain, together
from offload.system.nft.nfnetlink.rules import FAMILIES, live_rule

# Parsed rules by family and the attributes that a LiveRule is made of: table, chain, expressions, userdata. The handle
# is not one of them, because a table that is made anew numbers its rules anew.
Rules = dict[tuple[int, bytes | None, bytes | None, bytes | None, bytes | None], LiveRule | None]
# Where plain rules become one: family, table and chain, as the kernel writes them; of rules that decide by a named set
# also the input and output device that they compare, whether they are of /etc/config/firewall, and accept or return
Place = tuple[int, bytes, bytes, bytes, bytes, bool, bool]
Parse = Callable[[int, Attributes], LiveRule | None]
Read = tuple[Place | None, Match | None, int, Attributes]
MANY = 300  # rules; with so many it takes less time to look for plain ones first


def live_rules(found: Sequence[tuple[int, Attributes]], parse: Parse | None = None) -> Iterator[LiveRule]:
    """Yield the rules of a dump, given as (family number, attributes), as LiveRules.

    `parse` makes the LiveRule of a rule (None: `live_rule`); a rule for which it gives None is left out. With MANY
    (300) rules or more, plain rules (plain_rules.py) of one chain that follow each other become one LiveRule, with
    their verdicts and sets. Those that decide by a named set are joined if they compare the same devices, which the
    LiveRule then has, all or none are of /etc/config/firewall, and all or none drop.
    """
    read = _as_plain if len(found) >= MANY else _as_not_plain
    for place, rules in groupby(map(read, found), itemgetter(0)):
        if place:
            yield _together(place, filter(None, map(itemgetter(1), rules)))
        else:
            yield from filter(None, ((parse or live_rule)(family, each) for *_, family, each in rules))


def _as_not_plain(given: tuple[int, Attributes]) -> Read:
    return None, None, *given


def _as_plain(given: tuple[int, Attributes]) -> Read:
    # None for the first two if the rule is not plain
    family, found = given
    read = plain(found[RULE_EXPRESSIONS]) if RULE_EXPRESSIONS in found and family in FAMILIES else None
    if not read:
        return None, None, family, found
    match, by_set = read
    chain = family, found.get(TABLE, b""), found.get(RULE_CHAIN, b"")
    if by_set is NOT_BY_SET:
        return (*chain, b"", b"", False, False), match, family, found
    does, iif, oif = by_set
    return (*chain, iif, oif, comment(found).startswith(CONFIGURED), does != "drop"), match, family, found


def _together(place: Place, rules: Iterable[Match]) -> LiveRule:
    found = together(rules)
    family, table, chain, iif, oif, configured, _ = place
    return LiveRule(
        FAMILIES[family],
        text(table),
        text(chain),
        found.does,
        comment=CONFIGURED * configured,
        match=RuleMatch(device_name(iif), device_name(oif)) if iif or oif else EVERY_PACKET,
        sets=found.sets,
        digest=found.digest,
    )


def remembered(before: Rules, known: Rules, family: int, found: Attributes) -> LiveRule | None:
    """Give the LiveRule of an equal rule in `known` or `before`; if there is none, parse the rule as `live_rule` does.

    Rules are equal if family (a number), table, chain, expressions and userdata are. The result is added to `known`,
    which the caller gives as `before` when the rules are read again. None if the family is not known.
    """
    part = found.get
    key = family, part(TABLE), part(RULE_CHAIN), part(RULE_EXPRESSIONS), part(RULE_USERDATA)
    if key not in known:
        known[key] = before[key] if key in before else live_rule(family, found)
    return known[key]
