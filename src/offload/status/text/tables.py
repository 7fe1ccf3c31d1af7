"""Replies of ubus methods as text for a terminal: of `status`, `zones`, `check`, `set`, `exempt_list`, ... Pure."""

from collections.abc import Iterable, Sequence

from offload.status.text.flow_lines import STATES
from offload.status.text.layout import (
    CHOICES,
    GAP,
    NOTE,
    OF_ALL,
    Json,
    Notes,
    Row,
    amount,
    fitted,
    nothing_offloaded,
    safe,
    span,
    table,
)

OF_GLOBALS = "A mode in parentheses is that of config globals: the zone has none of its own."
FIREWALLS = {"none": "while no firewall is loaded", "offload-firewall": "and firewall"}


def status_text(status: Json, width: int = 80) -> str:
    """The reply of `status` as text: firewall, kernel, tables of zones, pairs, ended connections, devices, problems.

    Below zones, pairs and devices are their Reasons and remedies, as `Notes` gives them. A table without rows is left
    out, and so is that of ended connections if they are not counted.
    """
    notes = Notes()
    blocks = [
        _head(status),
        _zones_table(status["zones"], notes, width),
        table(
            ("PAIR", "GETS", *map(str.upper, STATES)),
            (_pair_row(pair, notes) for pair in status["pairs"]),
            right=2,
            width=width,
        ),
        _ended_table(status, width),
        _devices_table(status["devices"], notes, width),
        _problems(status["problems"]),
    ]
    return "\n\n".join(fitted(block, width) for block in blocks if block)


def summary_text(status: Json, width: int = 80) -> str:
    """The reply of `status` in a few lines: each pair with effective mode and flows, and the number of problems.

    Above the pairs are missing features, why nothing at all is offloaded, and why the last change failed. Below a pair
    that is not in hardware is its first Reason that is not in OF_ALL.
    """
    kernel, applied, problems = status["kernel"], status["applied"], status["problems"]
    firewall = status["firewall"]
    beside = FIREWALLS.get(firewall, f"beside {firewall}")
    lines = [
        f"Flow offload {beside}, kernel {kernel['release'] or 'unknown'}",
        *_missing_features(status),
        *_not_applied(applied),
    ]
    pairs = table(("PAIR", "GETS", "FAST", "SLOW"), map(_summary_row, status["pairs"]), right=2, width=width)
    ends = ["'offload status' shows more, 'offload help' the verbs."]
    if problems:
        ends.insert(0, f"{len(problems)} problem{'s' * (len(problems) != 1)}: 'offload check' names each.")
    blocks = (lines, pairs or ["The firewall lets no zone reach another."], ends)
    return "\n\n".join(fitted(block, width) for block in blocks)


def _summary_row(pair: Json) -> Row:
    flows = pair["flows"]
    fast = flows["software"] + flows["hardware"]
    texts = [each["text"] for each in pair["reasons"] if each["code"] not in OF_ALL]
    cells = (f"{pair['src']} > {pair['dest']}", pair["effective"], str(fast or "-"), str(flows["slow"] or "-"))
    return cells, texts[:1] if pair["effective"] != "hardware" else []


def findings_text(findings: Iterable[Json], width: int = 80) -> list[str]:
    """A text for each finding in a reply of `check`: severity and sentence; then `done` and `remedy`, if not empty."""
    return [fitted(_finding_lines(each), width) for each in findings]


def _finding_lines(finding: Json) -> list[str]:
    done, remedy = finding["done"], finding["remedy"]
    lines = [f"{finding['severity']}: {finding['text']}"]
    return lines + [f"{NOTE}done: {done}"] * bool(done) + [f"{NOTE}to mend it: {remedy}"] * bool(remedy)


def zones_text(zones: Json, width: int = 80) -> str:
    """The reply of `zones` as text: zones and pairs of zones with requested (MODE) and effective mode (GETS).

    If nothing at all is offloaded, the reason is above them. Below a zone are its other Reasons.
    """
    rows = (((f"{pair['src']} > {pair['dest']}", pair["mode"], pair["effective"]), ()) for pair in zones["pairs"])
    notes = Notes()
    blocks = [
        nothing_offloaded(zones),
        _zones_table(zones["zones"], notes, width),
        table(("PAIR", "MODE", "GETS"), rows, width=width),
    ]
    return "\n\n".join(fitted(block, width) for block in blocks if block) or "There are no zones."


def changes_text(reply: Json, width: int = 80, nothing: str = "Written. No pair changes its path.") -> str:
    """The reply of `set`, `set_pair` or `preview` as text: pairs of zones in its lists `changed` and `unchanged`.

    Below a pair are its Reasons and remedies, if any. Without such pairs it is the sentence `nothing`, then the list
    `reasons` of the reply without those in CHOICES.
    """
    notes = Notes(asking=True)
    lines = []
    for pair in reply["changed"]:
        lines.append(f"{pair['src']} > {pair['dest']}: {pair['before']} -> {pair['effective']}")
        lines += [NOTE + note for note in notes.of(pair)] if "reasons" in pair else []
    for pair in reply["unchanged"]:
        lines.append(f"{pair['src']} > {pair['dest']} stays {pair['effective']}:")
        lines += [NOTE + note for note in notes.of(pair)]
    if not lines:
        others = [reason for reason in reply["reasons"] if reason["code"] not in CHOICES]  # the user has just chosen
        lines = [nothing, *(NOTE + note for note in notes.of({"reasons": others}))]
    return fitted(lines, width)


def _head(status: Json) -> list[str]:
    kernel, applied = status["kernel"], status["applied"]
    nft = f"nft {kernel['nft']}" if kernel["nft"] else "no nft"
    lines = [
        f"Firewall    {status['firewall']}",
        f"Kernel      {kernel['release'] or 'unknown'}, {nft}",
        f"Flowtables  {'yes' if kernel['flowtable'] else 'no'}",
        *_missing_features(status),
    ]
    if applied["generation"]:
        lines.append(f"Changed     {_changed(applied)}")
    return lines + _not_applied(applied)


def _not_applied(applied: Json) -> list[str]:
    lines = [f"the last attempt failed: {applied['error']}"] if applied["error"] else []
    if applied.get("pending"):
        lines.append("no service runs, and the kernel lacks this: /etc/init.d/offload start")
    return [NOTE + line for line in lines]


def _missing_features(status: Json) -> list[str]:
    nothing = nothing_offloaded(status)
    missing = [lack for lack in status["kernel"]["missing"] if not any(lack in line for line in nothing)]
    return [*(NOTE + lack for lack in missing), *nothing]


def _changed(applied: Json) -> str:
    # the time as in "2026-11-29 17:56:49 UTC"
    count, time = applied["generation"], applied["time"].replace("T", " ").replace("+00:00", " UTC")
    return f"{count} time{'s' * (count != 1)} since the service started, last at {time}"


def _zones_table(zones: Sequence[Json], notes: Notes, width: int) -> list[str]:
    lines = table(("ZONE", "MODE", "GETS", "DEVICES"), (_zone_row(zone, notes) for zone in zones), width=width)
    return lines + [OF_GLOBALS] * any(_mode(zone).startswith("(") for zone in zones)


def _zone_row(zone: Json, notes: Notes) -> Row:
    cells = (zone["name"], _mode(zone), zone["effective"], ", ".join(zone["devices"]) or "-")
    return cells, list(notes.of(zone))


def _mode(zone: Json) -> str:
    # In brackets, or `-` for none: the mode of globals, which counts only between zones without a mode.
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


def _ended_table(status: Json, width: int) -> list[str]:
    service = status.get("service") or {}
    if not service.get("since"):
        return []
    least = "" if service["complete"] else "at least "
    counts = [(pair, pair["ended"]) for pair in status["pairs"] if pair.get("ended", {}).get("flows")]
    rows = (
        ((f"{pair['src']} > {pair['dest']}", f"{least}{ended['flows']}", f"{least}{amount(ended['bytes'])}"), ())
        for pair, ended in counts
    )
    return table(
        (f"ENDED SINCE {service['since'][:16].replace('T', ' ')} UTC", "FLOWS", "BYTES"), rows, right=1, width=width
    )


def _devices_table(devices: Sequence[Json], notes: Notes, width: int) -> list[str]:
    head = ("DEVICE", "ZONE", "FLOWTABLES", "HARDWARE")
    if not any(_counts(device) for device in devices):
        return table(head, (_device_row(device, notes) for device in devices), width=width)
    rows = (_device_row(device, notes) for device in devices)
    stations = (str(device["stations"]) if _counts(device) else "-" for device in devices)
    counted = (((*row, each), reasons) for (row, reasons), each in zip(rows, stations, strict=True))
    return table((*head, "STATIONS"), counted, width=width)


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


def added_text(number: int, seconds: int) -> str:
    """A sentence about a new timed exempt. `number`: its number. `seconds`: how long it lasts."""
    return f"Exempt {number} keeps it slow for {span(seconds)}; to end it before: offload exempt delete {number}"


def exempts_text(exempts: Sequence[Json], configured: Sequence[Json]) -> str:
    """The two lists of a reply of `exempt_list` as text: a line for each timed exempt, then for each `config exempt`.

    Of a timed one: number, time left, conditions. Of others: section, `for good` or `switched off`, name, conditions.
    """
    rows = [(str(each["id"]), f"{span(each['expires'])} left", each) for each in exempts]
    rows += [(each["section"], "for good" if each["enabled"] else "switched off", each) for each in configured]
    wide = max((len(row[0]) for row in rows), default=0)
    widest = max((len(left) for _, left, _ in rows), default=0)
    lines = [f"{name:>{max(wide, 4)}}  {left:{widest}}  {_matched(each)}" for name, left, each in rows]
    return "\n".join(map(safe, lines)) or "There are no exempts."


def _matched(exempt: Json) -> str:
    named = {"name": exempt["name"]} if exempt.get("name") else {}
    values = (named | exempt["match"]).items()
    return " ".join(f"{word}={value if isinstance(value, str) else ','.join(value)}" for word, value in values)
