"""The present rates of flows, hosts or pairs of zones (bits and packets per second), also as text. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from offload.status.text import flow_lines, layout

Json = Mapping[str, Any]
PATHS = ("slow", "software", "hardware")
UNITS = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")
THOUSAND, TEN = 1000, 10


class Rate(NamedTuple):
    """The rate of one flow, host or pair of zones."""

    name: str  # of the flow, host or pair, as text
    bits: Mapping[str, float]  # bits per second by path: slow, software, hardware
    packets: float  # packets per second, of all paths together


def _flow(flow: Json) -> str:
    return flow_lines.connection(flow)


def _host(flow: Json) -> str:
    return str(flow["src"])


BY: Mapping[str, Callable[[Json], str]] = {"flow": _flow, "host": _host, "pair": flow_lines.zones_of}


def rates(before: Iterable[Json], after: Iterable[Json], seconds: float, by: str) -> list[Rate]:
    """The rates between two lists of flows (as `flow_json`), which were read `seconds` apart; the highest rate first.

    `by`: what a Rate is of: `flow`, `host` (a source address) or `pair` (of zones). All bits of a flow belong to the
    path that it has in the second list. Left out: flows that are in one list only, and flows without packet counters.
    """
    then = {_key(flow): flow for flow in before}
    bits = defaultdict[str, dict[str, float]](lambda: dict.fromkeys(PATHS, 0.0))
    packets = defaultdict[str, float](float)
    for flow in after:
        was = then.get(_key(flow))
        if was is None or None in {was["bytes"], flow["bytes"], was["packets"], flow["packets"]}:
            continue
        name = BY[by](flow)
        bits[name][flow["state"]] += max(0, flow["bytes"] - was["bytes"]) * 8 / seconds
        packets[name] += max(0, flow["packets"] - was["packets"]) / seconds
    found = [Rate(name, each, packets[name]) for name, each in bits.items()]
    return sorted(found, key=lambda rate: (-sum(rate.bits.values()), rate.name))


def _key(flow: Json) -> tuple[object, ...]:
    return tuple(flow.get(word) for word in ("proto", "src", "sport", "dest", "dport", "ct_zone"))


def top_text(found: Sequence[Rate], by: str, width: int = 80, height: int = 24) -> str:
    """The Rates as a table: a heading, as many rows as fit on `height` - 2 lines, and the sum of all Rates.

    `found`: the highest rate first; those without bits have no row. If `width` leaves less than ten columns for names,
    it is a list without heading. The first two entries (the heading is one) and the sum are there in any case.
    """
    total = Rate("all", {path: sum(each.bits[path] for each in found) for path in PATHS}, _sum(found))
    moving = [rate for rate in found if sum(rate.bits.values())]
    heads = (by.upper(), *map(str.upper, PATHS), "PACKETS/S")
    sizes = [max(map(len, column)) for column in zip(heads, *map(_cells, (*moving, total)), strict=True)]
    room = width - sum(sizes[1:]) - 2 * len(sizes[1:])
    sizes[0] = min(sizes[0], room)
    if room < TEN:
        rows = [list(_listed(rate, width)) for rate in (*moving, total)]
    else:
        rows = [[_line(heads, sizes)], *(list(_rows(rate, sizes, width)) for rate in (*moving, total))]
    return "\n".join(line for row in _that_fit(rows, height - 2) for line in row)


def _that_fit(rows: list[list[str]], height: int) -> Iterator[list[str]]:
    # the first two rows and the sum are shown even if they do not fit
    left = height - len(rows[-1])
    for place, row in enumerate(rows[:-1]):
        left -= len(row)
        if left < 0 and place > 1:
            break
        yield row
    yield rows[-1]


def _rows(rate: Rate, sizes: Sequence[int], width: int) -> Iterator[str]:
    name, *numbers = _cells(rate)
    if len(name) > sizes[0]:
        yield _cut(name, width)
        name = ""
    yield _line((name, *numbers), sizes)


def _listed(rate: Rate, width: int) -> Iterator[str]:
    yield _cut(layout.safe(rate.name), width)
    speeds = [f"{path} {speed(rate.bits[path])}" for path in PATHS if rate.bits[path]]
    yield from layout.fitted([f"  {', '.join([*speeds, f'{rate.packets:.0f} packets/s'])}"], width).split("\n")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _sum(found: Iterable[Rate]) -> float:
    return sum(rate.packets for rate in found)


def _cells(rate: Rate) -> tuple[str, ...]:
    return (layout.safe(rate.name), *(speed(rate.bits[path]) for path in PATHS), f"{rate.packets:.0f}")


def _line(cells: Sequence[str], sizes: Sequence[int]) -> str:
    numbers = (cell.rjust(size) for cell, size in zip(cells[1:], sizes[1:], strict=True))
    return "  ".join((cells[0].ljust(sizes[0]), *numbers))


def speed(bits: float) -> str:
    """Bits per second in at most eleven columns (`1.5 Mbit/s`); `-` for 0."""
    if not bits:
        return "-"
    units = iter(UNITS)
    unit = next(units)
    while bits >= THOUSAND - 0.5 and unit != UNITS[-1]:
        bits, unit = bits / THOUSAND, next(units)
    return f"{bits:.1f} {unit}" if bits < TEN and unit != UNITS[0] else f"{bits:.0f} {unit}"
