"""Make LiveRules from the rules of a dump: one for plain rules that follow each other, one for each of the others."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from offload.model.kernel.live_rule import CONFIGURED, EVERY_PACKET, LiveRule, RuleMatch
from offload.system.netlink.wire import Attributes, text
from offload.system.nft.nfnetlink.messages import RULE_CHAIN, RULE_EXPRESSIONS, RULE_USERDATA, TABLE, comment
from offload.system.nft.nfnetlink.plain_rules import Match, bans, devices, plain, together
from offload.system.nft.nfnetlink.rules import FAMILIES, live_rule

# Parsed rules by family and the attributes that a LiveRule is made of: table, chain, expressions, userdata. The handle
# is not one of them, because a table that is made anew numbers its rules anew.
Rules = dict[tuple[int, bytes | None, bytes | None, bytes | None, bytes | None], LiveRule | None]
# Where plain rules become one: family, table and chain, as the kernel writes them; of bans also the devices that they
# compare, and whether they are rules of /etc/config/firewall
Place = tuple[int, bytes, bytes, bytes, bytes, bool]
Read = tuple[Place | None, Match | None, int, Attributes]
MANY = 300  # rules; with so many it takes less time to look for plain ones first


def live_rules(found: Sequence[tuple[int, Attributes]], before: Rules, known: Rules) -> Iterator[LiveRule]:
    """The rules with these (family number, attributes), without those of families that have no IP packets.

    To save time among at least MANY rules, plain ones that follow each other in a chain become one LiveRule, with
    `drop` if one of them drops or rejects, and without what they compare. Of bans it has the devices, so that another
    one begins where these change. All other rules become one LiveRule each, and are added to `known`. `before`: the
    `known` of an earlier call; its rules are not parsed again.
    """
    read = _read if len(found) >= MANY else _other
    for place, rules in groupby(map(read, found), itemgetter(0)):
        if place:
            yield _together(place, (match for _, match, *_ in rules if match))
        else:
            yield from filter(None, (_remembered(family, each, before, known) for *_, family, each in rules))


def _other(given: tuple[int, Attributes]) -> Read:
    """The rule as one that is not plain: (None, None, family number, attributes)."""
    return None, None, *given


def _read(given: tuple[int, Attributes]) -> Read:
    """(place, match of `plain`, family number, attributes) of a rule; if it is not plain, None for the first two."""
    family, found = given
    match = plain(found[RULE_EXPRESSIONS]) if RULE_EXPRESSIONS in found and family in FAMILIES else None
    if not match:
        return None, None, family, found
    of_bans = (*devices(match), comment(found).startswith(CONFIGURED)) if bans(match) else (b"", b"", False)
    return (family, found.get(TABLE, b""), found.get(RULE_CHAIN, b""), *of_bans), match, family, found


def _together(place: Place, rules: Iterable[Match]) -> LiveRule:
    found = together(rules)
    family, table, chain, iif, oif, configured = place
    return LiveRule(
        FAMILIES[family],
        text(table),
        text(chain),
        ("drop",) if found.drop else (),
        comment=CONFIGURED * configured,
        match=RuleMatch(text(iif), text(oif)) if iif or oif else EVERY_PACKET,
        sets=found.sets,
        digest=found.digest,
    )


def _remembered(family: int, found: Attributes, before: Rules, known: Rules) -> LiveRule | None:
    part = found.get
    key = family, part(TABLE), part(RULE_CHAIN), part(RULE_EXPRESSIONS), part(RULE_USERDATA)
    if key not in known:
        known[key] = before[key] if key in before else live_rule(family, found)
    return known[key]
