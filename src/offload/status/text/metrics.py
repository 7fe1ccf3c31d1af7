"""Convert the status into metrics, and these into OpenMetrics text or JSON. Pure.

Names follow the Prometheus conventions: base units, `_total` for counters, labels for what differs.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from offload.status import counts

Json = dict[str, Any]
MODES = ("none", "software", "hardware")
PATHS = ("slow", "software", "hardware")
ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Family(NamedTuple):
    """A metric with its samples."""

    name: str  # of a counter without `_total`, which `openmetrics` and `families_json` append
    kind: str  # gauge or counter
    help: str  # what it is, as text
    samples: tuple[tuple[Mapping[str, str], int | float], ...]  # each (labels, value)


def families(status: Json, *, live: bool = True) -> Iterator[Family]:
    """Make the metrics of a reply of the method `status`, without those that are not known.

    - Passes, changes of the kernel and ended flows: only if the reply has the key `service`.
    - Live flows: only if `live` is true (false: the router is saved in a directory), and the reply's `notes` are empty.
    - Timed exempts: only if `live` is true.
    """
    kernel, applied, pairs = status["kernel"], status["applied"], status["pairs"]
    service = status.get("service")
    info = {"kernel": kernel["release"], "nft": kernel["nft"], "firewall": status["firewall"]}
    yield Family("offload_router_info", "gauge", "Kernel, nft and firewall of the router.", ((info, 1),))
    yield _one("offload_flowtable", "Whether kernel and nft can do flowtables.", int(kernel["flowtable"]))
    yield _one(
        "offload_last_apply_failed",
        "Whether the last pass failed: a file could not be read, or nft refused it.",
        int(bool(applied["error"])),
    )
    yield _one("offload_problems", "Problems of the configuration.", len(status["problems"]))
    yield Family(
        "offload_pair_mode", "gauge", "What a pair gets: 0 none, 1 software, 2 hardware.", _modes(pairs, "effective")
    )
    yield Family(
        "offload_pair_mode_requested",
        "gauge",
        "What was asked for a pair, as offload_pair_mode.",
        _modes(pairs, "mode"),
    )
    if live and not status.get("notes"):
        yield from _of_flows(pairs)
    if live:
        yield _one("offload_exempts", "Exempts given for a while.", len(status.get("exempts", ())))
    if service:
        yield _count("offload_passes", "Looks at router and configuration.", service["passes"])
        yield _count("offload_changes", "Passes that changed the kernel.", applied["generation"])
        yield Family(
            "offload_ended_flows", "counter", "Flows that ended, by the path they were seen on.", _ended(pairs, "flows")
        )
        yield Family("offload_ended_bytes", "counter", "Bytes of these flows.", _ended(pairs, "bytes"))
        if service["since"]:
            since = int(datetime.fromisoformat(service["since"]).timestamp())
            yield _one("offload_ended_since_timestamp_seconds", "Since when ended flows are counted.", since)
            yield _one("offload_ended_complete", "Whether none of them was missed.", int(service["complete"]))


def _of_flows(pairs: Iterable[Json]) -> Iterator[Family]:
    yield Family("offload_pair_hardware_proven", "gauge", "Whether live flows prove hardware.", _proven(pairs))
    yield Family("offload_flows", "gauge", "Live flows by pair and path.", _by_path(pairs, "flows"))
    yield Family("offload_flow_bytes", "gauge", "Bytes of live flows by their present path.", _by_path(pairs, "bytes"))


def _one(name: str, help_: str, value: int) -> Family:
    return Family(name, "gauge", help_, (({}, value),))


def _count(name: str, help_: str, value: int) -> Family:
    return Family(name, "counter", help_, (({}, value),))


def _ends(pair: Json) -> dict[str, str]:
    return {"src": pair["src"], "dest": pair["dest"]}


def _modes(pairs: Iterable[Json], key: str) -> tuple[tuple[dict[str, str], int], ...]:
    return tuple((_ends(pair), MODES.index(pair[key])) for pair in pairs)


def _proven(pairs: Iterable[Json]) -> tuple[tuple[dict[str, str], int], ...]:
    return tuple((_ends(pair), int(pair["hardware"]["proof"] == "proven")) for pair in pairs)


def _by_path(pairs: Iterable[Json], key: str) -> tuple[tuple[dict[str, str], int], ...]:
    return tuple((_ends(pair) | {"path": path}, pair[key][path]) for pair in pairs for path in PATHS)


def _ended(pairs: Iterable[Json], key: str) -> tuple[tuple[dict[str, str], int], ...]:
    return tuple(
        (_ends(pair) | {"path": path}, pair["ended"]["by_path"][key][path])
        for pair in pairs
        if "ended" in pair
        for path in counts.PATHS
    )


def families_json(found: Iterable[Family]) -> list[Json]:
    """The metrics as JSON, as in the reply of the method `metrics`. Names of counters end in `_total`.

    `[{"name": ..., "type": KIND, "help": ..., "samples": [{"labels": {NAME: VALUE}, "value": number}, ...]}, ...]`
    """
    return [
        {
            "name": _sample_name(family),
            "type": family.kind,
            "help": family.help,
            "samples": [{"labels": dict(labels), "value": value} for labels, value in family.samples],
        }
        for family in found
    ]


def openmetrics(found: Iterable[Family]) -> str:
    """The metrics as OpenMetrics 1.0 text; its last line, `# EOF`, has no newline after it."""
    lines = []
    for family in found:
        lines += [f"# TYPE {family.name} {family.kind}", f"# HELP {family.name} {family.help.translate(ESCAPED)}"]
        lines += [f"{_sample_name(family)}{_labels(labels)} {value}" for labels, value in family.samples]
    return "\n".join([*lines, "# EOF"])


def _sample_name(family: Family) -> str:
    return family.name + "_total" * (family.kind == "counter")


def _labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{value.translate(ESCAPED)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""
