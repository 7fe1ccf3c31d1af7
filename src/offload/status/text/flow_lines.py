"""Lay out flows (as `flow_json` gives them) as text, each with its Reasons. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from offload.status.text.layout import GAP, NOTE, Json, Notes, amount, fitted, folded

STATES = ("slow", "software", "hardware")


def flows_text(flows: Sequence[Json], width: int = 80) -> str:
    """The flows as a table, with the Reasons below each row, and the number of flows by path at the end.

    Without flows it is `No flows.`.
    """
    if not flows:
        return "No flows."
    zones = max(len(zones_of(flow)) for flow in flows)
    notes = Notes(asking=True)
    lines = [flows_head(zones, width)]
    for flow in flows:
        lines += lines_of_flow(flow, zones, width, notes)
    counts = {state: sum(flow["state"] == state for flow in flows) for state in STATES}
    return "\n".join([*lines, *flows_foot(counts, width)])


def flows_head(zones: int, width: int) -> str:
    """The line with the titles of the columns, folded at `width` characters.

    `zones`: characters of the column with the zones.
    """
    return fitted([GAP.join((f"{'STATE':8}", f"{'BYTES':>6}", f"{'ZONES':{zones}}", "CONNECTION"))], width)


def lines_of_flow(flow: Json, zones: int, width: int, notes: Notes) -> Iterator[str]:
    """The lines of a flow, at most `width` long: its row, its destination after DNAT if that differs, and its Reasons.

    `zones`: characters of the column with the zones. `notes` gives the Reasons, each with its remedy unless it gave
    that before.
    """
    return (part for line in _flow_lines(flow, zones, width, notes) for part in folded(line, width))


def noted(item: Json, width: int, notes: Notes) -> Iterator[str]:
    """The lines below a row, at most `width` long: the Reasons that `notes` gives for `item`, with their remedies.

    `item`: an object of a reply, with `reasons`.
    """
    return (part for note in notes.of(item) for part in folded(NOTE + note, width))


def flows_foot(counts: Mapping[str, int], width: int) -> list[str]:
    """The last lines of the table: an empty one, and the number of flows, as `3 flows: 2 slow, 1 software`.

    `counts`: flows by path; a path without flows is left out.
    """
    parts = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    total = sum(counts.values())
    return ["", fitted([f"{total} flow{'s' * (total != 1)}: {parts}"], width)]


def _flow_lines(flow: Json, zones: int, width: int, notes: Notes) -> Iterator[str]:
    # one line if that fits, else the connection on a second one, else each end on one of its own
    start = GAP.join((f"{flow['state']:8}", f"{amount(flow['bytes']):>6}", f"{zones_of(flow):{zones}}"))
    src, dest = _end(flow["src"], flow["sport"]), _end(flow["dest"], flow["dport"])
    connection_ = connection(flow)
    if len(start + GAP + connection_) <= width:
        yield start + GAP + connection_
    elif len(NOTE + connection_) <= width:
        yield from (start, NOTE + connection_)
    else:
        yield from (start, f"{NOTE}{flow['proto']} {src}", f"{NOTE}> {dest}")
    real = _end(flow["reply"]["src"], flow["reply"]["sport"])
    if real != dest:
        yield f"{NOTE}sent on to {real}"
    yield from (NOTE + sentence for sentence in notes.of(flow))


def connection(flow: Json) -> str:
    """Protocol and both ends of a flow's original direction, as `tcp 192.168.1.5:5000 > 198.51.100.9:443`.

    A port that is 0 is left out; an IPv6 address before a port is in brackets.
    """
    return f"{flow['proto']} {_end(flow['src'], flow['sport'])} > {_end(flow['dest'], flow['dport'])}"


def zones_of(flow: Json) -> str:
    """The zones of a flow, as `lan > wan`; `?` where `src_zone` or `dest_zone` is null: no zone, or not known."""
    return f"{flow['src_zone'] or '?'} > {flow['dest_zone'] or '?'}"


def _end(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address and port else address
    return f"{host}:{port}" if port else host
