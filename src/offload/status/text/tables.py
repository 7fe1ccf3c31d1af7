"""The JSON answers as text for people: one answer, two voices. Pure.

Fits the width it is given (80 columns by default) whatever stands in the answer: names come from config files and may
be long or hostile.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from textwrap import wrap
from typing import Any

Json = Mapping[str, Any]

NOTE = " " * 4  # before a sentence that belongs to the row above it
GAP = "  "

# All but printable characters that take one column each: ASCII, Latin, Greek, Cyrillic, U+FFFD. The rest could move the
# cursor, turn the direction of writing, or take no column or two.
ODD = re.compile(r"[^ -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\ufffd]")

UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# A row of a table: its cells, and the sentences beneath it.
Row = tuple[Sequence[str], Sequence[str]]
STATES = ("slow", "software", "hardware")


def status_text(status: Json, width: int = 80) -> str:
    """The state of offload, zone by zone, with the reasons where nothing is offloaded."""
    notes = Notes()
    blocks = [
        _head(status),
        _table(("ZONE", "MODE", "GETS", "DEVICES"), (_zone_row(zone, notes) for zone in status["zones"])),
        _table(
            ("PAIR", "GETS", *map(str.upper, STATES)), (_pair_row(pair, notes) for pair in status["pairs"]), right=2
        ),
        _devices(status["devices"], notes),
        _problems(status["problems"]),
    ]
    return "\n\n".join(fitted(block, width) for block in blocks if block)


def summary_text(status: Json, width: int = 80) -> str:
    """The state of offload in a few lines: each pair with its effective mode, its flows, and its first reason."""
    kernel, applied, problems = status["kernel"], status["applied"], status["problems"]
    lines = [f"Flow offload beside {status['firewall']}, kernel {kernel['release'] or 'unknown'}"]
    lines += [f"{NOTE}{lack}" for lack in kernel["missing"]]
    if applied["error"]:
        lines.append(f"{NOTE}the last attempt failed: {applied['error']}")
    pairs = _table(("PAIR", "GETS", "FAST", "SLOW"), map(_summary_row, status["pairs"]), right=2)
    ends = ["'offload status' shows more, 'offload help' the verbs."]
    if problems:
        ends.insert(0, f"{len(problems)} problem{'s' * (len(problems) != 1)}: 'offload check' names each.")
    blocks = (lines, pairs or ["The firewall lets no zone reach another."], ends)
    return "\n\n".join(fitted(block, width) for block in blocks)


def _summary_row(pair: Json) -> Row:
    flows = pair["flows"]
    fast = flows["software"] + flows["hardware"]
    reason = next((each["text"] for each in pair["reasons"]), "") if pair["effective"] != "hardware" else ""
    cells = (f"{pair['src']} > {pair['dest']}", pair["effective"], str(fast or "-"), str(flows["slow"] or "-"))
    return cells, [reason] if reason else []


def findings_text(findings: Iterable[Json], width: int = 80) -> list[str]:
    """Each finding with its severity, what was done already, and what mends it."""
    return [fitted(_finding_lines(each), width) for each in findings]


def _finding_lines(finding: Json) -> list[str]:
    done, remedy = finding["done"], finding["remedy"]
    lines = [f"{finding['severity']}: {finding['text']}"]
    return lines + [f"{NOTE}done: {done}"] * bool(done) + [f"{NOTE}to mend it: {remedy}"] * bool(remedy)


def zones_text(zones: Json, width: int = 80) -> str:
    """Zones and pairs: what was chosen, and what they get."""
    rows = (((f"{pair['src']} > {pair['dest']}", pair["mode"], pair["effective"]), ()) for pair in zones["pairs"])
    notes = Notes()
    blocks = [
        _table(("ZONE", "MODE", "GETS", "DEVICES"), (_zone_row(zone, notes) for zone in zones["zones"])),
        _table(("PAIR", "MODE", "GETS"), rows),
    ]
    return "\n\n".join(fitted(block, width) for block in blocks if block) or "There are no zones."


def flows_text(flows: Sequence[Json], width: int = 80) -> str:
    """One flow after the other, each with what keeps it slow; at the end how many are on each path."""
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
    """The titles of the columns; `zones` is the width of theirs."""
    return fitted([GAP.join((f"{'STATE':8}", f"{'BYTES':>6}", f"{'ZONES':{zones}}", "CONNECTION"))], width)


def lines_of_flow(flow: Json, zones: int, width: int, notes: "Notes") -> Iterator[str]:
    """A flow with what keeps it slow."""
    return (part for line in _flow_lines(flow, zones, width, notes) for part in _folded(line, width))


def noted(item: Json, width: int, notes: "Notes") -> Iterator[str]:
    """The sentences beneath a row."""
    return (part for note in notes.of(item) for part in _folded(NOTE + note, width))


def flows_foot(counts: Mapping[str, int], width: int) -> list[str]:
    """How many flows are on each path."""
    parts = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    total = sum(counts.values())
    return ["", fitted([f"{total} flow{'s' * (total != 1)}: {parts}"], width)]


# Reasons that say no more than the choice does, where it is in effect: their remedies would ask for another choice.
CHOICES = frozenset({"MODE_NONE", "PAIR_MODE_NONE", "LOWER_MODE"})


class Notes:
    """The sentences under the rows of one answer, each remedy under the first reason that has it."""

    def __init__(self, *, asking: bool = False) -> None:
        """`asking`: another choice was just made, so remedies that ask for one are shown."""
        self._asking = asking
        self._shown: set[str] = set()

    def of(self, item: Json) -> Iterator[str]:
        """The item's reasons with their remedies."""
        followed = not self._asking and item.get("mode") == item.get("effective")  # a device has neither
        for reason in item["reasons"]:
            yield reason["text"]
            remedy = reason.get("remedy", "")
            if remedy and remedy not in self._shown and not (followed and reason["code"] in CHOICES):
                self._shown.add(remedy)
                yield GAP + remedy


def changes_text(reply: Json, width: int = 80, nothing: str = "Written. No pair changes its path.") -> str:
    """What a choice changed, and which pairs it left as they were, why, and what would change them."""
    notes = Notes(asking=True)
    lines = [f"{each['src']} > {each['dest']}: {each['before']} -> {each['effective']}" for each in reply["changed"]]
    for pair in reply["unchanged"]:
        lines.append(f"{pair['src']} > {pair['dest']} stays {pair['effective']}:")
        lines += [NOTE + note for note in notes.of(pair)]
    if not lines:
        lines = [nothing, *(NOTE + note for note in notes.of(reply))]
    return fitted(lines, width)


def _head(status: Json) -> list[str]:
    kernel, applied = status["kernel"], status["applied"]
    nft = f"nft {kernel['nft']}" if kernel["nft"] else "no nft"
    lines = [
        f"Firewall    {status['firewall']}",
        f"Kernel      {kernel['release'] or 'unknown'}, {nft}",
        f"Flowtables  {'yes' if kernel['flowtable'] else 'no'}",
        *(NOTE + lack for lack in kernel["missing"]),
    ]
    if applied["generation"]:
        lines.append(f"Applied     {_applied(applied)}")
    if applied["error"]:
        lines.append(f"{NOTE}the last attempt failed: {applied['error']}")
    if applied.get("pending"):
        lines.append(f"{NOTE}the kernel has something else: bring it there with 'offload apply'")
    return lines


def _applied(applied: Json) -> str:
    changes = applied["changes"]
    return f"generation {applied['generation']} at {applied['time']}, {changes} change{'s' * (changes != 1)}"


def _zone_row(zone: Json, notes: Notes) -> Row:
    cells = (zone["name"], _mode(zone), zone["effective"], ", ".join(zone["devices"]) or "-")
    return cells, list(notes.of(zone))


def _mode(zone: Json) -> str:
    """The zone's own mode; in brackets that of globals, which counts where the other zone has none either."""
    if zone.get("chosen", True):
        return str(zone["mode"])
    return "-" if zone["mode"] == "none" else f"({zone['mode']})"


def _pair_row(pair: Json, notes: Notes) -> Row:
    paths = (_traffic(pair["flows"][state], pair["bytes"][state]) for state in STATES)
    asked = [] if pair["mode"] == pair["effective"] else [f"{pair['mode']} was asked for"]
    return (f"{pair['src']} > {pair['dest']}", pair["effective"], *paths), [
        *asked,
        *notes.of(pair),
        *notes.of(pair["hardware"]),
    ]


def _devices(devices: Sequence[Json], notes: Notes) -> list[str]:
    """The devices; with the stations at each port where the port decides between hardware and software."""
    head = ("DEVICE", "ZONE", "IN", "HARDWARE")
    if not any(_counts(device) for device in devices):
        return _table(head, (_device_row(device, notes) for device in devices))
    rows = (_device_row(device, notes) for device in devices)
    stations = (str(device["stations"]) if _counts(device) else "-" for device in devices)
    return _table(
        (*head, "STATIONS"), (((*row, each), reasons) for (row, reasons), each in zip(rows, stations, strict=True))
    )


def _counts(device: Json) -> bool:
    return device.get("stations") is not None


def _device_row(device: Json, notes: Notes) -> Row:
    zones, tables = ", ".join(device["zones"]) or "-", ", ".join(device["flowtables"]) or "-"
    return (device["name"], zones, tables, device["hardware"]), list(notes.of(device))


def _problems(problems: Sequence[Json]) -> list[str]:
    lines = ["PROBLEM"] if problems else []
    lines += [f"{problem['place']}: {problem['text']}" for problem in problems]
    return lines


def _traffic(flows: int, octets: int) -> str:
    return f"{flows}{GAP}{amount(octets):>6}" if flows else "-"


def _flow_lines(flow: Json, zones: int, width: int, notes: Notes) -> Iterator[str]:
    """Lines of one flow: on one line if it fits, else the connection gets its own, and each end if it must."""
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
    """The protocol and the two ends of its original direction."""
    return f"{flow['proto']} {_end(flow['src'], flow['sport'])} > {_end(flow['dest'], flow['dport'])}"


def zones_of(flow: Json) -> str:
    """Its zones, a question mark where one is not known."""
    return f"{flow['src_zone'] or '?'} > {flow['dest_zone'] or '?'}"


def _end(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address and port else address
    return f"{host}:{port}" if port else host


def amount(octets: int | None) -> str:
    """Bytes in at most six columns, in powers of 1000; `-` where nothing is counted."""
    if octets is None:
        return "-"
    number, units = float(octets), iter(UNITS)
    unit = next(units)
    while number >= 999.5 and unit != UNITS[-1]:  # noqa: PLR2004 - from here on it would read 1000
        number, unit = number / 1000, next(units)
    small = unit != "B" and number < 9.95  # noqa: PLR2004 - from here on it would read 10.0
    return f"{number:.1f} {unit}" if small else f"{number:.0f} {unit}"


def _table(head: Sequence[str], rows: Iterable[Row], right: int | None = None) -> list[str]:
    """Aligned columns, each row with its sentences; columns from `right` on are set to the right. No rows, no table."""
    body = list(rows)
    if not body:
        return []
    columns = zip(head, *(cells for cells, _ in body), strict=True)
    widths = [max(map(len, column)) for column in columns]
    turn = len(head) if right is None else right
    lines = []
    for cells, notes in ((head, ()), *body):
        left = [cell.ljust(size) for cell, size in zip(cells[:turn], widths[:turn], strict=True)]
        numbers = [cell.rjust(size) for cell, size in zip(cells[turn:], widths[turn:], strict=True)]
        lines.append(GAP.join(left + numbers).rstrip())
        lines += [NOTE + note for note in notes]
    return lines


def safe(text: str) -> str:
    """The text with a question mark for each character that could move the cursor or takes no single column."""
    return ODD.sub("?", text)


def fitted(lines: Iterable[str], width: int) -> str:
    """The lines, each shown safely and folded at the width; the folded part is indented."""
    return "\n".join(part for line in lines for part in _folded(line, width))


def _folded(line: str, width: int) -> list[str]:
    if len(line) <= width and is_plain(line) and line[-1:] not in {"", " "}:
        return [line]  # as the rest would leave it, in a hundredth of the time
    return _wrapped(line, width)


def is_plain(text: str) -> bool:
    """Whether all of it is printable ASCII."""
    return text.isascii() and text.isprintable()


@lru_cache(maxsize=64)
def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * min(len(line) - len(line.lstrip(" ")) + len(GAP), width // 2)
    return wrap(safe(line), width, subsequent_indent=indent, break_on_hyphens=False)
