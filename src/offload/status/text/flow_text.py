"""A long list of flows as text, flow by flow: what `report` and `tables` make of them, in a fraction of the time. Pure.

The values of a connection go straight into the text, and what repeats (addresses, names, reasons) is made once.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from offload.model.flow import Flow
from offload.model.problems.reason import Reason
from offload.status.report import IPV4, address, flow_json, reasons_json
from offload.status.shares import PATH_BITS, PATHS
from offload.status.text import flow_lines, layout
from offload.status.why.reasons import protocol, tcp_state

FLOW = (
    '{"family": "%s", "proto": "%s", "src": "%s", "sport": %d, "dest": "%s", "dport": %d, '
    '"reply": {"src": "%s", "sport": %d, "dest": "%s", "dport": %d}, '
    '"src_zone": %s, "dest_zone": %s, "state": "%s", "packets": %s, "bytes": %s, "timeout": %s, '
    '"tcp_state": %s, "mark": %d, "ct_zone": %d, "reasons": %s}'
)
LINE = "%s  %6s  %s  %s %s:%d > %s:%d"
STATES = {bits: path.value for bits, path in PATHS.items()}
COLUMNS = {bits: f"{name:8}" for bits, name in STATES.items()}
MOST_REMEMBERED = 256  # of reasons: with exempts each flow has its own


def document(data: Mapping[str, Any], flows: Iterable[Flow]) -> Iterator[str]:
    """The JSON of an answer with its flows, line by line."""
    yield json.dumps(dict(data)).removesuffix("}") + ', "flows": ['
    before = ""
    for text in json_texts(flows):
        if before:
            yield before + ","
        before = text
    if before:
        yield before
    yield "]}"


def json_texts(flows: Iterable[Flow]) -> Iterator[str]:
    """The JSON of each flow."""
    known = dict[int, tuple[tuple[Reason, ...], str]]()  # by identity: flows that are alike share their reasons
    quoted, named, state_named = cache(json.dumps), cache(protocol), cache(_tcp_state)
    for (proto, original, reply, status, timeout, mark, packets, octets, state, _), src_zone, dest_zone, why in flows:
        src, dst, sport, dport, ct_zone = original
        reply_src, reply_dst, reply_sport, reply_dport, _ = reply
        found = known.get(id(why))
        if found is None:
            if len(known) == MOST_REMEMBERED:
                known.clear()
            found = known[id(why)] = why, json.dumps(reasons_json(why))
        yield FLOW % (
            "ipv4" if len(src) == IPV4 else "ipv6",
            named(proto),
            address(src),
            sport,
            address(dst),
            dport,
            address(reply_src),
            reply_sport,
            address(reply_dst),
            reply_dport,
            quoted(src_zone),
            quoted(dest_zone),
            STATES[status & PATH_BITS],
            "null" if packets is None else packets[0] + packets[1],
            "null" if octets is None else octets[0] + octets[1],
            "null" if timeout is None else timeout,
            state_named(state),
            mark,
            ct_zone,
            found[1],
        )


def lines(flows: Iterable[Flow], between_zones: Iterable[Mapping[str, Any]], width: int) -> Iterator[str]:
    """As `flow_lines.flows_text`; `between_zones`: the zones that any of them are between, as a flow has them."""
    zones = max((len(flow_lines.zones_of(each)) for each in between_zones), default=0)
    if not zones:
        yield "No flows."
        return
    notes, counts = layout.Notes(asking=True), dict.fromkeys(STATES.values(), 0)
    known = dict[int, tuple[tuple[Reason, ...], list[str]]]()
    between, named = cache(lambda src, dest: f"{f'{src or chr(63)} > {dest or chr(63)}':{zones}}"), cache(protocol)
    yield flow_lines.flows_head(zones, width)
    for flow in flows:
        (proto, original, reply, status, _, _, _, octets, _, _), src_zone, dest_zone, why = flow
        src, dst, sport, dport, _ = original
        path = status & PATH_BITS
        counts[STATES[path]] += 1
        amount = layout.amount(None if octets is None else octets[0] + octets[1])
        zones_of = between(src_zone, dest_zone)
        line = LINE % (COLUMNS[path], amount, zones_of, named(proto), address(src), sport, address(dst), dport)
        plain = len(src) == IPV4 and sport and dport and dst == reply.src and dport == reply.sport
        if not plain or len(line) > width or not layout.is_plain(zones_of):
            yield from flow_lines.lines_of_flow(flow_json(flow), zones, width, notes)
            continue
        yield line
        found = known.get(id(why))
        if found is None:
            if len(known) == MOST_REMEMBERED:
                known.clear()
            data = {"reasons": reasons_json(why)}
            yield from flow_lines.noted(data, width, notes)  # the first time with their remedies
            found = known[id(why)] = why, list(flow_lines.noted(data, width, notes))
        else:
            yield from found[1]
    yield from flow_lines.flows_foot(counts, width)


def _tcp_state(number: int | None) -> str:
    return "null" if number is None else json.dumps(tcp_state(number))
