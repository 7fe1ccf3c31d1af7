"""A long list of flows as text or JSON, the same as `flow_lines` and `flow_json` make, but in pieces. Pure."""

# It is several times as fast: values of a connection are written directly, and text that repeats is made once:
# addresses, and what all flows of one kind have in common. A Flow is made only for some lines of text (IPv6, DNAT, too
# long).
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from offload.model.flow import State, Values
from offload.model.problems.reason import Reason
from offload.status.listing import Explainer, Kind, Rows
from offload.status.reply.flow_reply import IPV4, address, flow_json
from offload.status.reply.reasons_json import reasons_json
from offload.status.shares import Way
from offload.status.text import flow_lines, layout
from offload.status.why.reasons import protocol, tcp_state

BLOCK = 200  # flows in a piece of text, which then has 64 KB of JSON
MOST_ADDRESSES = 16_384
PROTOCOLS = 256


def document(data: Mapping[str, Any], rows: Rows, explainer: Explainer) -> Iterator[str]:
    """The text of a JSON object in pieces: that of `data`, and the key `flows` with each of `rows` on its own line.

    The caller writes a newline after each piece. `rows`: the flows, as `Listing.rows` gives them. `explainer`: finds
    their Reasons.
    """
    yield json.dumps(dict(data)).removesuffix("}") + ', "flows": ['
    blocks = _in_blocks(json_texts(rows, explainer))
    block = next(blocks, [])
    while block:
        following = next(blocks, [])
        yield ",\n".join(block) + ("," if following else "")
        block = following
    yield "]}"


def json_texts(rows: Rows, explainer: Explainer) -> Iterator[str]:
    """The JSON text of each flow in `rows`, on one line, with the content of `flow_json`.

    `rows`: of each flow (index of its Way, its entry as a flat tuple), as `Listing.rows` gives them. `explainer`: finds
    their Reasons.
    """
    text_of, kind_of, known = _Addresses(), explainer.kind, dict[Kind, tuple[str, str, str, str, str]]()
    for number, values in rows:
        (
            _, src, dst, sport, dport, reply_src, reply_dst, reply_sport, reply_dport, _, timeout, mark,
            packets, octets, reply_packets, reply_octets, _, _, zone, zone_forth, _, _,
        ) = values  # fmt: skip
        kind = kind_of(number, values)
        if (shared := known.get(kind)) is None:
            shared = _shared_json(explainer.ways[number], values, explainer.why(number, values))
            if kind is not None:
                known[kind] = shared
        start, way, state, end, unmarked = shared
        if mark or zone or zone_forth:
            unmarked = f'{state}{mark}, "ct_zone": {zone or zone_forth}, {end}'
        yield (
            f'{start}{text_of[src]}", "sport": {sport}, "dest": "{text_of[dst]}", "dport": {dport}, '
            f'"reply": {{"src": "{text_of[reply_src]}", "sport": {reply_sport}, '
            f'"dest": "{text_of[reply_dst]}", "dport": {reply_dport}}}, '
            f"{way}{'null' if packets is None else packets + reply_packets}, "
            f'"bytes": {"null" if octets is None else octets + reply_octets}, '
            f'"timeout": {"null" if timeout is None else timeout}, {unmarked}'
        )


def _shared_json(way: Way, values: Values, why: Iterable[Reason]) -> tuple[str, str, str, str, str]:
    # The last piece is for flows without mark and conntrack zone, instead of the two before it.
    number, family = values[16], "ipv4" if len(values[1]) == IPV4 else "ipv6"
    zones = f'"src_zone": {json.dumps(way.src.zone)}, "dest_zone": {json.dumps(way.dest.zone)}'
    state = f'"tcp_state": {"null" if number is None else json.dumps(tcp_state(number))}, "mark": '
    end = f'"reasons": {json.dumps(reasons_json(why))}}}'
    start = f'{{"family": "{family}", "proto": "{protocol(values[0])}", "src": "'
    return start, f'{zones}, "state": "{way.state.value}", "packets": ', state, end, f'{state}0, "ct_zone": 0, {end}'


def lines(rows: Rows, ways: Mapping[int, int], explainer: Explainer, width: int) -> Iterator[str]:
    """The flows in `rows` as a table with their Reasons, then the number of flows by path, in pieces of text.

    The caller writes a newline after each piece. `ways`: by index of a Way (endpoints and status), how many of the
    flows have it; if it is empty, the only piece is `No flows.`. `width`: columns of the terminal. `rows`, `explainer`:
    as in `json_texts`.
    """
    if not ways:
        return iter(["No flows."])
    return map("\n".join, _in_blocks(_lines(rows, ways, explainer, width)))


def _lines(rows: Rows, counted: Mapping[int, int], explainer: Explainer, width: int) -> Iterator[str]:
    between = {number: _zones(explainer.ways[number]) for number in counted}
    zones, notes = max(map(len, between.values())), layout.Notes(asking=True)
    ways = {number: _around_bytes(explainer.ways[number].state, text, zones) for number, text in between.items()}
    text_of, named = _Addresses(), [protocol(number) for number in range(PROTOCOLS)]
    amount, kind_of, known = layout.amount, explainer.kind, dict[Kind, str]()
    yield flow_lines.flows_head(zones, width)
    for number, values in rows:
        proto, src, dst, sport, dport, reply_src, _, reply_sport = values[:8]
        octets, (start, middle) = values[13], ways[number]
        size = amount(None if octets is None else octets + values[15])
        line = f"{start}{size:>6}{middle}{named[proto]} {text_of[src]}:{sport} > {text_of[dst]}:{dport}"
        plain = len(src) == IPV4 and sport and dport and dst == reply_src and dport == reply_sport
        if plain and middle and len(line) <= width:
            kind = kind_of(number, values)
            if (beneath := known.get(kind)) is None:
                data = {"reasons": reasons_json(explainer.why(number, values))}
                beneath = _lines_below(data, width, notes)
                if kind is not None:
                    known[kind] = _lines_below(data, width, notes)  # remedies stand only below the first
            yield line + beneath
        else:
            yield from flow_lines.lines_of_flow(flow_json(explainer.flow(number, values)), zones, width, notes)
    counts = dict.fromkeys(flow_lines.STATES, 0)
    for number, count in counted.items():
        counts[explainer.ways[number].state.value] += count
    yield from flow_lines.flows_foot(counts, width)


def _lines_below(data: layout.Json, width: int, notes: layout.Notes) -> str:
    return "".join(f"\n{line}" for line in flow_lines.noted(data, width, notes))


class _Addresses(dict[bytes, str]):
    def __missing__(self, packed: bytes) -> str:
        if len(self) == MOST_ADDRESSES:
            self.clear()
        text = self[packed] = address(packed)
        return text


def _around_bytes(state: State, zones: str, width: int) -> tuple[str, str]:
    # without the second text the line is made slowly: the zones have characters that are not printed as they are
    return f"{state.value:8}  ", f"  {zones:{width}}  " if layout.is_plain(zones) else ""


def _zones(way: Way) -> str:
    return flow_lines.zones_of({"src_zone": way.src.zone, "dest_zone": way.dest.zone})


def _in_blocks(texts: Iterator[str]) -> Iterator[list[str]]:
    while block := list(islice(texts, BLOCK)):
        yield block
