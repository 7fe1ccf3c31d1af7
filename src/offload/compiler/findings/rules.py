"""Findings (of `offload check`) about rules that offloaded packets bypass: in the kernel, and in files yet to load."""

from collections.abc import Iterator

from offload.compiler.offload.exempts.live_exempts import rules_to_exempt
from offload.compiler.offload.exempts.marks import mark_restorers
from offload.model.config import Config, Mode
from offload.model.kernel.live_rule import DEVICE_HOOKS, PacketRule
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.model.problems.finding import Finding, FindingCode
from offload.model.sections.section import LONGEST_NAME
from offload.model.text.shown import shown
from offload.nouns import replace

CODES = {
    "limit": FindingCode.RULE_LIMITS,
    "quota": FindingCode.RULE_COUNTS,
    "priority": FindingCode.RULE_PRIORITIES,
    "dscp": FindingCode.RULE_DSCP,
    "mark": FindingCode.RULE_MARKS,
    "ttl": FindingCode.RULE_TTL,
    "change": FindingCode.RULE_CHANGES,
    "dup": FindingCode.RULE_COPIES,
    "offload": FindingCode.RULE_OFFLOADS,
    "queue": FindingCode.RULE_QUEUES,
    "drop": FindingCode.RULE_DROPS,
    "time": FindingCode.RULE_TIMES,
    "ban": FindingCode.RULE_BANS,
    "log": FindingCode.RULE_LOGS,
}

WORDS = {
    "limit": "limit rates",
    "quota": "count against a quota",
    "priority": "give priorities",
    "dscp": "set the DSCP",
    "mark": "set marks",
    "ttl": "set the TTL or hop limit",
    "change": "change headers of packets",
    "dup": "copy packets",
    "offload": "offload flows themselves",
    "queue": "hand packets to a program",
    "drop": "drop packets by what differs from packet to packet, or behind the forward hook",
    "time": "drop at some times",
    "ban": "drop by a set",
    "log": "log packets",
}
LONGEST_PATH = 120
RETURNED = frozenset({FindingCode.RULE_TIMES, FindingCode.RULE_BANS})  # the service returns live flows to these rules


def of_rules(config: Config, snapshot: Snapshot, plan: Plan, *, served: bool = True) -> Iterator[Finding]:
    """The Findings (sentences of `offload check`) about rules and filters that offloaded packets bypass.

    They are about rules of other programs in nft that must see every packet, or that add flows to a flowtable; tables
    of iptables-legacy; tc filters that copy conntrack's mark into packets; and `ip rule` that compare the mark. A
    Finding is a notice if option auto_exempt keeps the traffic out of flowtables, if it is about `ip rule`, or, with
    `served` (the service runs), if it is about a rule that drops by a look-up in a set or only at certain times. There
    is none for rules on ingress and egress hooks, nor for rules that set marks which no qdisc or tc filter reads.
    """
    held = frozenset(rules_to_exempt(snapshot))
    acted = config.globals.auto_exempt
    devices = _devices(snapshot, plan)
    for rule in snapshot.packet_rules:
        code = CODES.get(rule.does)
        if code is None or rule.hook in DEVICE_HOOKS or (rule.does == "mark" and rule not in held):
            continue
        if rule in held and acted and {rule.match.iif, rule.match.oif} <= devices:
            yield code.done(**_place(rule))
        elif _asked(plan) if rule.does == "offload" else _meets(rule, plan):
            yield code.done(**_place(rule)) if served and code in RETURNED else code(**_place(rule))
    if plan.tables and snapshot.legacy_tables:
        yield FindingCode.LEGACY_TABLES(tables=", ".join(snapshot.legacy_tables))
    yield from _of_connmarks(config, snapshot, plan)
    if plan.tables and snapshot.rules:
        yield FindingCode.ROUTES_BY_MARK.done(count=len(snapshot.rules))


def of_files(snapshot: Snapshot, plan: Plan) -> Iterator[Finding]:
    """The Findings (sentences of `offload check`) about nft files that the firewall includes and has not loaded yet.

    There is one for each file that cannot be read, and for each with rules that must see every packet of traffic that
    the Plan offloads. Rules on ingress and egress hooks do not count, nor rules that set marks which no qdisc or tc
    filter reads.
    """
    for file in snapshot.unloaded:
        held = frozenset(rules_to_exempt(replace(snapshot, packet_rules=file.rules)))
        met = [each for each in file.rules if _meets(each, plan) and each.hook not in DEVICE_HOOKS]
        words = dict.fromkeys(WORDS[each.does] for each in met if each.does != "mark" or each in held)
        if file.why:
            yield FindingCode.FILE_UNREAD(file=shown(file.path, LONGEST_PATH), why=file.why)
        elif words:
            yield FindingCode.FILE_UNLOADED(file=shown(file.path, LONGEST_PATH), rules=", ".join(words))


def _devices(snapshot: Snapshot, plan: Plan) -> set[str]:
    # those by which exempts are made for rules; on the forward hook a VRF's own device stands for its members
    named = {"", *(name for zone in plan.zones for name in zone.devices), *(each.name for each in plan.devices)}
    masters = {link.master for link in snapshot.links if link.name in named and link.master}
    return named | {link.name for link in snapshot.links if link.name in masters and link.kind == "vrf"}


def _of_connmarks(config: Config, snapshot: Snapshot, plan: Plan) -> Iterator[Finding]:
    code = FindingCode.MARK_RESTORED
    for device, _ in mark_restorers(snapshot, (each for table in plan.tables for each in table.elements)):
        yield code.done(device=device) if config.globals.auto_exempt else code(device=device)


def _place(rule: PacketRule) -> dict[str, str]:
    comment = f" ({shown(rule.comment, LONGEST_NAME)})" if rule.comment else ""
    return {"chain": rule.chain, "table": f"{rule.table}{comment}"}


def _asked(plan: Plan) -> bool:
    return any(pair.mode is not Mode.NONE for pair in plan.pairs)


# In both directions, because offloaded replies bypass the rule as well.
def _meets(rule: PacketRule, plan: Plan) -> bool:
    crossings = ((each.iif, each.oif) for table in plan.tables for each in table.elements)
    wanted = rule.match.iif, rule.match.oif
    return any(_fits(wanted, way) or _fits(wanted, way[::-1]) for way in crossings)


def _fits(wanted: tuple[str, ...], way: tuple[str, ...]) -> bool:
    return all(name in {"", there} for name, there in zip(wanted, way, strict=True))
