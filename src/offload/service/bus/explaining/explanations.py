"""The ubus method `explain`: find the connections that the caller describes, and explain their paths."""

from collections.abc import Callable, Mapping
from typing import Any

from offload.model.flow import Entry
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.service.bus import arguments, methods
from offload.service.bus.arguments import ArgumentError
from offload.service.bus.explaining import asking
from offload.service.doors import Conntrack
from offload.service.engine import Engine
from offload.status.flows import flows, page
from offload.status.hardware.pair_hardware import PairHardware
from offload.status.query import Query
from offload.status.reply.flow_reply import flow_json
from offload.status.shares import Pair
from offload.status.why.connection import Named, asked, made, number_of
from offload.status.why.expected import expected_json
from offload.status.why.explain import UNKNOWN, explanation_json
from offload.status.why.explain import explain as explained
from offload.status.why.reasons import protocol
from offload.status.why.step import Live

Json = dict[str, Any]
MOST = 20  # connections of a host that are explained at most
WORDS = ("text", "flow")


def explain(engine: Engine, given: Mapping[str, Any]) -> Json:
    """Explain, step by step, which path connections take (slow, software or hardware), and why.

    `query` of `given` is `{"text": ...}`, as a user writes it (a host or network, two ends, or a line of conntrack), or
    `{"flow": {...}}`, the keys of a connection in a reply of `flows`. The reply is that of `answer`; of a host or
    network it explains at most MOST (20) connections. UsageError for a bad query; another OffloadError if something
    cannot be read, such as connections or routes.
    """
    decided = methods.last_decision(engine)
    query = arguments.table("query", given.get("query"))
    if len(query) != 1 or not query.keys() <= set(WORDS):
        raise ArgumentError(f"query: give one of {' and '.join(WORDS)}")
    meant = asked(str(query["text"])) if "text" in query else _named(query["flow"])
    doors, plan = engine.doors, decided.plan
    return answer(
        meant,
        _fitting(doors.conntrack, meant),
        engine.with_stations(decided),
        plan,
        engine.hardware_monitor.known,
        engine.returned,
        lambda entry: asking.live(doors, plan, entry),
    )


def _fitting(conntrack: Conntrack, meant: Named) -> list[Entry]:
    # For a network, and where the kernel cannot look up ends, all; a pasted line of conntrack needs none.
    if meant.pasted:
        return []
    if meant.entry:
        return conntrack.find(meant.entry.proto, meant.entry.original)
    if meant.host is not None and meant.host.num_addresses == 1:
        return conntrack.of_host(meant.host.network_address.packed)
    return conntrack.entries()


def answer(
    meant: Named,
    entries: list[Entry],
    snapshot: Snapshot,
    plan: Plan,
    cases: Mapping[Pair, PairHardware] | None = None,
    returned: Mapping[str, str] | None = None,
    asked_of: Callable[[Entry], Live] = lambda _: UNKNOWN,
) -> Json:
    """The reply of `explain` about the connections `meant`: `{"ok": True, "total": number, "explanations": [...]}`.

    They are those of `entries` that fit: of a host or network at most MOST (20) are explained, and `total` counts all.
    A named connection without an entry is explained as if it existed, a pasted line of conntrack as it is. A host or
    network without connections gets `expected`: what new ones would get. `cases`: by pair of zones, what live flows
    showed of hardware. `returned`: by table, when (ISO 8601) its flows went back to the slow path last. For both, None:
    not known. `asked_of` asks the kernel about one connection.
    """
    if meant.host is not None:
        query = Query(host=meant.host, limit=MOST)
        found, total = page(entries, snapshot, plan, query, cases, everything=True)
        live = [flow.entry for flow in found]
    else:
        live = [each for each in entries if _is(each, meant)]
        total = len(live)
    hypothetical = not live and meant.entry is not None and not meant.pasted
    shown = live or ([meant.entry] if meant.entry else [])
    explanations = []
    for entry in shown:
        known = asked_of(entry)
        why = explained(entry, snapshot, plan, cases, hypothetical=hypothetical, returned=returned, live=known)
        (flow,) = flows([entry], snapshot, plan, cases, everything=True)
        if not hypothetical:
            flow = flow._replace(reasons=(why.reason,) if why.reason else ())
        explanations.append(explanation_json(why, flow_json(flow), hypothetical=hypothetical))
    reply: Json = {"ok": True, "total": max(total, len(explanations)), "explanations": explanations}
    if meant.host is not None and not explanations:
        reply["expected"] = expected_json(meant.host, snapshot, plan)
    return reply


def _named(flow: object) -> Named:
    proto, ends = arguments.connection(flow)
    return Named(entry=made(number_of(proto), ends))


def _is(entry: Entry, meant: Named) -> bool:
    # before or after NAT, in both directions; port 0 means any
    wanted = meant.entry
    if wanted is None or protocol(wanted.proto) != protocol(entry.proto):
        return False
    there, back = wanted.original, wanted.reply
    return any(
        (one.src, one.dst, one.ct_zone) == (way.src, way.dst, way.ct_zone)
        and _port(one.sport, way.sport)
        and _port(one.dport, way.dport)
        for one in (there, back)
        for way in (entry.original, entry.reply)
    )


def _port(wanted: int, found: int) -> bool:
    return wanted in {0, found}
