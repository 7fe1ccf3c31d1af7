"""Print the reply of the method `totals`: flows and bytes since counting began, by host or by pair of zones. Pure."""

from collections.abc import Mapping
from typing import Any

from offload.status.counts import PATHS
from offload.status.text.layout import amount, fitted, safe, table

Json = Mapping[str, Any]

BY = {"host": "hosts", "pair": "pairs"}  # keys of the reply
ALL_OTHERS = "all others"
EXPLAINED = "NOT SEEN: the connection ended before its path was seen."


def totals_text(reply: Json, by: str, most: int, width: int = 80) -> str:
    """The reply of `totals` as text: a table of its first `most` hosts (`by` is `host`) or pairs of zones (`pair`).

    A row has the number of flows, and the bytes by path. Below the hosts, a last row has the counts in `others` of the
    reply, if these have flows. Without rows it is a sentence.
    """
    since = f"Since {reply['since'][:16].replace('T', ' ')} UTC"
    rows = [(name, row) for row in reply[BY[by]][:most] for name in [_name(row)]]
    if by == "host" and any(reply["others"]["flows"].values()):
        rows.append(((ALL_OTHERS, "-"), reply["others"]))
    if not rows:
        none = (
            "no connection was forwarded." if reply["complete"] else "no connection was counted, some may be missing."
        )
        return fitted([f"{since}: {none}"], width)
    least = "" if reply["complete"] else ", at least (some connections were missed)"
    head = ("HOST", "ZONE") if by == "host" else ("PAIR",)
    titles = (*head, "FLOWS", "SLOW", "SOFTWARE", "HARDWARE", "NOT SEEN")
    lines = table(titles, map(_cells, rows), right=len(head), width=width)
    ends = [EXPLAINED] if any(row["bytes"][PATHS[-1]] for _, row in rows) else []
    return "\n\n".join(fitted(block, width) for block in ([f"{since}{least}:"], lines, ends) if block)


def _name(row: Json) -> tuple[str, ...]:
    return (safe(row["host"]), safe(row["zone"] or "?")) if "host" in row else (f"{row['src']} > {row['dest']}",)


def _cells(row: tuple[tuple[str, ...], Json]) -> tuple[tuple[str, ...], tuple[()]]:
    name, counts = row
    octets = (amount(counts["bytes"][path] or None) for path in PATHS)
    return (*name, str(sum(counts["flows"].values())), *octets), ()
