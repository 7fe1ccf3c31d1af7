"""Compare live connections with the configured rules, and end those that they refuse now.

The comparison waits until the kernel has the firewall of this configuration: a connection that is ended before would be
accepted again.
"""

from collections import defaultdict
from collections.abc import Container, Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from offload.compiler.firewall.tracing.packet import Packet
from offload.compiler.firewall.tracing.refused import Connection, Rules, newly_refused, times
from offload.compiler.firewall.tracing.times import next_edge
from offload.errors import BusError, KernelError
from offload.model.flow import IPS_DST_NAT, IPS_EXPECTED, Entry
from offload.model.kernel.live import RuleId
from offload.model.network import Snapshot
from offload.nouns import replace
from offload.service.engine import FIREWALL_TABLE, Engine
from offload.service.firewall.inputs import Inputs, compiled, read
from offload.service.read_snapshot import OUR_FIREWALL
from offload.service.refusing.judged import Judged
from offload.service.roaming import follow
from offload.status.lookup.zone_lookup import DISTANT, Target, ZoneLookup
from offload.system.ubus.procd import firewall_data

AFTER_EDGE = 0.05  # seconds, so that the rule's second has begun
NAMES = {6: "tcp", 17: "udp"}
IPV4_BYTES = 4
ADDRESS_BYTES = {"ipv4": IPV4_BYTES, "ipv6": 16}
FORWARD = "forward"


def run(engine: Engine, wall: float) -> str:
    """Delete from conntrack the live connections that the configured rules refuse now and did not before.

    Judged are forwarded TCP and UDP connections whose devices are certain and that no conntrack helper expected. The
    tables that had such flows are created again: all their flows are slow for a moment. Gives a log line; empty: none
    was to end. `wall`: seconds since 1970. The first call ends none. The comparison is stored in `engine.judged`,
    except after an OffloadError: rules, routes or connections cannot be read, or an entry cannot be deleted.
    """
    before = engine.judged
    inputs, rules = _inputs(engine) or before.inputs, _forward_rules(engine)
    if inputs is None or not rules:
        engine.judged = replace(before, due=None, failures=0)
        return ""
    changed = before.inputs is not None and _asked(before.inputs) != _asked(inputs)
    if before.inputs is not None and changed and not _loaded(engine, before, rules):  # the old rules are still in force
        inputs, changed = _with_router_of(before.inputs, inputs), False
    if before.inputs is None or not (changed or _turned(before, wall)):
        engine.judged = _judged(engine, before, inputs, rules, wall)
        return ""
    old, new = (compiled(each, exact=True) for each in (_with_router_of(before.inputs, inputs), inputs))
    ended = _ended(engine, Rules.of(old, before.moment), Rules.of(new, wall))
    engine.judged = _judged(engine, Judged(), inputs, rules, wall)
    return ended


def _inputs(engine: Engine) -> Inputs | None:
    # procd gives the rules of its services; without a reply they are missing
    sections, files = engine.packages.get("firewall"), engine.doors.files
    if not isinstance(sections, tuple) or files is None:
        return None
    services = engine.services
    if engine.firewall is None:
        with suppress(BusError):  # procd does not answer: without the rules of its services
            services = firewall_data(engine.doors.bus)
    return read(sections, engine.dump, services, files, files.modules(), files.devices(), files.installed())


def _turned(before: Judged, wall: float) -> bool:
    """Whether a time of the rules began or ended since they were applied last, or the clock was set back since.

    `wall`: seconds since 1970. A clock that is set back may be in another hour: all is compared again by the new one.
    """
    edge = next_edge(before.times, before.moment)
    return (bool(before.times) and wall < before.moment) or (edge is not None and edge <= wall)


def _asked(inputs: Inputs) -> tuple[Any, ...]:
    # without the router's state and the contents of sets
    return inputs.sections, inputs.handed_over


def _with_router_of(asked: Inputs, router: Inputs) -> Inputs:
    return router._replace(sections=asked.sections, handed_over=asked.handed_over)


def _forward_rules(engine: Engine) -> frozenset[RuleId]:
    if engine.decided is None or engine.decided.snapshot.firewall not in {FIREWALL_TABLE, OUR_FIREWALL}:
        return frozenset()
    return frozenset(each for each in engine.doors.nft.handles(FIREWALL_TABLE) if each[0] == FORWARD)


def _loaded(engine: Engine, before: Judged, rules: frozenset[RuleId]) -> bool:
    # fw4 makes every rule anew, so none is as before; our own firewall is loaded by a pass
    return not engine.firewall.error if engine.firewall is not None else before.rules.isdisjoint(rules)


def _judged(engine: Engine, before: Judged, inputs: Inputs, rules: frozenset[RuleId], wall: float) -> Judged:
    # rules of the same configuration as before are not compiled again
    known = before.inputs is not None
    every = before.times if known else tuple(set(times(Rules.of(compiled(inputs, exact=True), wall))))
    moment = before.moment if known else wall
    edge = next_edge(every, moment)
    due = None if edge is None else engine.doors.clock() + max(0.0, edge - wall) + AFTER_EDGE
    return Judged(inputs, moment, rules, every, engine.passes, due)


def _ended(engine: Engine, before: Rules, now: Rules) -> str:
    judge = newly_refused(before, now)
    found = {entry: refusal for entry, each in _connections(engine) if (refusal := judge(each)) is not None}
    if not found:
        return ""
    done = engine.doors.conntrack.delete(found)
    _return(engine, {entry.state.value for entry in found})
    if done.error:  # if the kernel cannot delete offloaded entries, it can once they are slow
        raise KernelError(done.error)
    names = ", ".join(sorted({refusal.rule for refusal in found.values()}))
    return f"connections ended that /etc/config/firewall refuses now: {done.ended} ({names})"


def _return(engine: Engine, modes: Container[str]) -> None:
    # the kernel looks for flows of ended connections once a second only
    tables = engine.decided.plan.tables if engine.decided else ()
    names = [table.name for table in tables if table.mode.value in modes]
    if names and follow.return_tables(engine, names):
        engine.rule_returns.changed(engine.doors.clock())  # then it is tried again, by a pass if necessary


def _connections(engine: Engine) -> Iterator[tuple[Entry, Connection]]:
    # Connections expected by a conntrack helper are left out: the firewall accepts these without a rule.
    if engine.decided is None:
        return
    snapshot = engine.with_stations(engine.decided)
    ends = ZoneLookup(snapshot, engine.decided.plan).ends
    macs = {(ip_address(each.address).packed, each.device): each.mac for each in snapshot.neighbours}
    unsure = _unsure(snapshot)
    for entry in engine.doors.conntrack.entries():
        src, dest = ends(entry)
        if (src.distant or dest.distant) and len(entry.original.src) in unsure:
            continue
        if entry.proto not in NAMES or entry.status & IPS_EXPECTED or not (len(src.devices) == len(dest.devices) == 1):
            continue
        (iif,), (oif,) = src.devices, dest.devices
        yield entry, _connection(entry, iif, oif, macs.get((entry.original.src, iif), ""))


def _unsure(snapshot: Snapshot) -> frozenset[int]:
    # Families (by address length in bytes) with default routes by several devices, or with policy routing: the source
    # address, say, may decide the device, so addresses reached by them have no certain one.
    ways = defaultdict[Target, set[str]](set)
    for route in snapshot.routes:
        if route.target.prefixlen < DISTANT:
            ways[route.target].update(route.devices)
    several = {target.max_prefixlen // 8 for target, devices in ways.items() if len(devices) > 1}
    return frozenset(several | {ADDRESS_BYTES[family] for family in snapshot.policy_routed})


def _connection(entry: Entry, iif: str, oif: str, mac: str) -> Connection:
    # the packet as it arrived, and as the forward hook saw it: they differ after DNAT
    (src_ip, dst_ip, sport, dport, *_), (real_ip, _, real_port, *_) = entry.original, entry.reply
    forwarded = Packet(
        4 if len(src_ip) == IPV4_BYTES else 6,
        NAMES[entry.proto],
        iif,
        oif,
        int.from_bytes(src_ip, "big"),
        int.from_bytes(real_ip, "big"),
        sport,
        real_port,
        mac,
        translated=bool(entry.status & IPS_DST_NAT),
    )
    if not forwarded.translated:
        return Connection(forwarded, forwarded)
    arriving = forwarded._replace(oif="", dest_ip=int.from_bytes(dst_ip, "big"), dest_port=dport, translated=False)
    return Connection(arriving, forwarded)
