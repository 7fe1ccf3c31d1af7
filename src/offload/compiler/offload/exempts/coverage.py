"""How much traffic between two zones exempts and rules keep slow (not offloaded): all, a family, or a part. Pure.

There are four kinds of traffic, TCP and UDP over IPv4 and IPv6; an exempt may cover a kind completely. GRE, of which
the kernel offloads only connections without NAT, counts as a part of the other traffic.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from offload.model.config import Config, Family, MarkRule
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.sections.exempts import Exempt
from offload.model.sections.fields import FIELDS
from offload.model.sections.kinds import NETWORK, PORTED, PROTOCOL
from offload.model.sections.match import EVERY_ADDRESS, Address, NetworkName, excluded, families
from offload.model.sections.section import LONGEST_NAME
from offload.model.text.shown import shown

Kind = tuple[str, str]  # family and protocol, as UCI names them
Found = list[tuple[MarkRule, Exempt]]

KINDS = frozenset(product(("ipv4", "ipv6"), PORTED))
FAMILIES = {4: "ipv4", 6: "ipv6"}
NAMES = {"ipv4": "IPv4", "ipv6": "IPv6", "tcp": "TCP", "udp": "UDP"}
MOST_NAMED = 3  # rules in a sentence
NARROWING = tuple(each for each in FIELDS if each.kind not in {NETWORK, PROTOCOL})  # `_traffic` considers those two


def reasons_for_all(config: Config, src: str, dest: str, family: Family) -> list[Reason]:
    """Reasons (sentences) why exempts keep all of a pair's traffic of this family slow; empty: they are not known to.

    A pair is connections from zone `src` to zone `dest`; `family` is not NEITHER. There is a Reason for each exempt of
    /etc/config/offload that covers all of the traffic alone, and one for the mark rules (rules that must see every
    packet) if their exempts together cover all of it. If neither do, but all exempts together do, the Reasons name
    parts. What counts are kinds (TCP or UDP over IPv4 or IPv6) that one exempt covers completely. Faulty exempts do not
    count here.
    """
    wanted = _kinds(family)
    exempts = [each for each in config.exempts if _between(each, src, dest) and not each.faulty]
    covering = [(each, covered) for each in exempts if (covered := _covered(each))]  # few of thousands cover a kind
    alone = [
        ReasonCode.EXEMPT(exempt=config.title(each.section, "exempt"))
        for each, covered in covering
        if covered >= wanted
    ]
    found = _marked(config, src, dest)
    marked = _union(exempt for _, exempt in found)
    if marked >= wanted:
        rules = [mark_rule for mark_rule, exempt in found if _covered(exempt) & wanted]
        return [*alone, ReasonCode.MARKED(rules=_named(rules))]
    if alone:
        return alone
    if marked.union(*(covered for _, covered in covering)) >= wanted:
        together = [each for each, covered in covering if covered & wanted]
        parts = [
            ReasonCode.EXEMPT_PART(exempt=config.title(each.section, "exempt"), part=_part(each, wanted))
            for each in together
        ]
        return [*parts, *reasons_for_part(config, src, dest, family)]
    return []


def reasons_for_part(config: Config, src: str, dest: str, family: Family) -> list[Reason]:
    """Reasons (sentences) for the part of a pair's traffic, of this family, that mark rules keep slow; empty: none is.

    A pair is connections from zone `src` to zone `dest`. A mark rule is a rule that must see every packet; its exempts
    keep traffic slow (not offloaded). Mark rules that cover the same kinds (TCP or UDP over IPv4 or IPv6) completely
    share a Reason, and so do all that cover no kind completely. Exempts of /etc/config/offload have no Reason here.
    """
    wanted = _kinds(family)
    found = [(mark_rule, exempt) for mark_rule, exempt in _marked(config, src, dest) if _concerns(exempt, wanted)]
    by_kinds: dict[frozenset[Kind], Found] = defaultdict(list)
    for mark_rule, exempt in found:
        by_kinds[_covered(exempt) & wanted].append((mark_rule, exempt))
    return [
        ReasonCode.MARKED_PART(rules=_named([mark_rule for mark_rule, _ in several]), part=_part(several[0][1], wanted))
        for several in by_kinds.values()
    ]


def _marked(config: Config, src: str, dest: str) -> Found:
    pairs = ((mark_rule, exempt) for mark_rule in config.mark_rules for exempt in mark_rule.exempts)
    return [(mark_rule, exempt) for mark_rule, exempt in pairs if _between(exempt, src, dest)]


def _between(exempt: Exempt, src: str, dest: str) -> bool:
    return exempt.src in {src, "*"} and exempt.dest in {dest, "*"}


def _kinds(family: Family) -> frozenset[Kind]:
    return frozenset(kind for kind in KINDS if family in {Family.ANY, Family(kind[0])})


def _union(exempts: Iterable[Exempt]) -> frozenset[Kind]:
    return frozenset(kind for each in exempts for kind in _covered(each))


# whether the exempt covers traffic of a family in `wanted` at least in part
def _concerns(exempt: Exempt, wanted: frozenset[Kind]) -> bool:
    own = _traffic(exempt, map(families, _address_lists(exempt)))
    return not {family for family, _ in own}.isdisjoint(family for family, _ in wanted)


# kinds of traffic between its zones that the exempt covers completely
def _covered(exempt: Exempt) -> frozenset[Kind]:
    whole_lists = [_whole(nets) for nets in _address_lists(exempt)]
    narrow = not all(whole_lists) or any(each.narrows(exempt.match) for each in NARROWING)
    return frozenset() if narrow else _traffic(exempt, map(families, whole_lists))


# the addresses that are all of a family (`0.0.0.0/0`)
def _whole(addresses: tuple[Address | NetworkName, ...]) -> tuple[Address | NetworkName, ...]:
    return () if excluded(addresses) else tuple(each for each in addresses if each in EVERY_ADDRESS.values())


def _address_lists(exempt: Exempt) -> list[tuple[Address | NetworkName, ...]]:
    return [addresses for addresses in (exempt.match.src_ip, exempt.match.dest_ip) if addresses]


# the kinds with the exempt's protocols, in the families (4, 6) that all `address_lists` have
def _traffic(exempt: Exempt, address_lists: Iterable[set[int]]) -> frozenset[Kind]:
    both = set(FAMILIES).intersection(*address_lists)
    return frozenset(product((FAMILIES[each] for each in both), exempt.protocols or PORTED))


# `all IPv4 of lan`; `some of it`: no kind completely
def _part(exempt: Exempt, wanted: frozenset[Kind]) -> str:
    covered = _covered(exempt) & wanted
    if not covered:
        return "some of it"
    return f"all {' and '.join(_kind_words(covered, wanted))}{_zones(exempt)}".replace("all traffic", "all")


def _kind_words(covered: frozenset[Kind], wanted: frozenset[Kind]) -> Iterator[str]:
    if covered == wanted:
        yield "traffic"
        return
    for side in (0, 1):
        for name in sorted({kind[side] for kind in wanted}):
            if (own := {kind for kind in wanted if kind[side] == name}) <= covered:
                yield NAMES[name]
                covered -= own
    yield from (f"{NAMES[family]} {NAMES[proto]}" for family, proto in sorted(covered))


def _zones(exempt: Exempt) -> str:
    match exempt.src, exempt.dest:
        case "*", "*":
            return ""
        case src, "*":
            return f" of {src}"
        case "*", dest:
            return f" to {dest}"
    return f" from {exempt.src} to {exempt.dest}"


# `rule 'a' of /etc/config/firewall marks and ...`
def _named(rules: Sequence[MarkRule]) -> str:
    by_place: dict[tuple[str, str], list[MarkRule]] = defaultdict(list)
    for each in rules:
        by_place[each.place, each.does].append(each)
    return " and ".join(
        f"{_of_place(place, several)} {does}" if place else _of_firewall(several)
        for (place, does), several in by_place.items()
    )


def _of_place(place: str, rules: Sequence[MarkRule]) -> str:
    comment = next((each.name for each in rules if each.name), "")
    return f"{place} ({shown(comment, LONGEST_NAME)})" if comment else place


# `9 rules of /etc/config/firewall ('a', ...) mark`, or `rule 'a' of /etc/config/firewall marks`
def _of_firewall(rules: Sequence[MarkRule]) -> str:
    names = list(dict.fromkeys(map(named, rules)))
    sections = {each.section for each in rules}
    if len(sections) == 1:
        return f"rule {names[0]} of /etc/config/firewall marks"
    more = ", ..." if len(names) > MOST_NAMED else ""
    return f"{len(sections)} rules of /etc/config/firewall ({', '.join(names[:MOST_NAMED])}{more}) mark"


def called(rule: MarkRule) -> str:
    """The words by which sentences name a rule that must see every packet: `rule 'a' of /etc/config/firewall`.

    Of a rule that is only in nft they are its place, `chain a of table b`, and its comment in brackets if it has one.
    """
    return _of_place(rule.place, [rule]) if rule.place else f"rule {named(rule)} of /etc/config/firewall"


def named(rule: MarkRule) -> str:
    """How a sentence names a rule of /etc/config/firewall: option `name` in quotes, made printable and cut.

    Without one, the id of its section, without quotes. Not for rules in nft (those with a `place`).
    """
    return rule.section if rule.name == rule.section else f"'{shown(rule.name, LONGEST_NAME)}'"
