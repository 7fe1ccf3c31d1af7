"""`make bench`, or `make bench WHAT=dataplane`: one table, written to build/bench.json and, with bars, build/bench.txt.

Each program of this directory prints its rows (rows.py); those that need a kernel run in a virtual machine, several
one after the other in the same one, as a machine takes half a minute to boot. First come those that measure time here,
alone: load on the other processor slows a short program more than a long one. Then machines run two at a time: load
does not change what those count that count instructions or slow packets, and those of the others that measure time
mostly wait. If a program fails, or is not done in MINUTES, only its own rows are missing. The exit status is 0 whatever
the figures are: people judge them, and the gate has limits of its own.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.rows import MARK, NOT_MEASURED, Row, missing

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
LOGS = BUILD / "bench"
MINUTES = float(os.environ.get("BENCH_MINUTES", "20"))
WIDTHS = f"{'work':46} {'peer':16} {'peer has':>10} {'ours':>10} {'unit':5} {'ratio':>6} {'goal':>7}  met"
AT_ONCE = min(2, os.cpu_count() or 1)  # machines in which something is counted
ENDED = "bench ended: "  # before the name and the exit status of a program
STEADY = "PYTHONHASHSEED=0"  # else the order of Python's sets, and so the instructions that a run takes, are random
BAR = 40  # characters for a ratio of 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where programs run: '' is this machine, else a virtual one with this kernel series."""

    series: str = ""
    counted: bool = False  # by QEMU's icount, else in a user-mode kernel

    def argv(self, modules: tuple[str, ...]) -> list[str]:
        """The command that runs these modules one after the other, and prints ENDED, name and status after each."""
        python = f"{STEADY} {'python3' if self.series else shlex.quote(sys.executable)}"
        each = "; ".join(rf"{python} -m bench.{module}; printf '\n{ENDED}%s %s\n' {module} $?" for module in modules)
        machine = [sys.executable, "-m", "kernel.vm"] if self.series else []
        return [*machine, "sh", "-c", each]

    def name(self, module: str) -> str:
        """A module's name for the log and the table."""
        return f"{module}-{self.series or 'here'}"

    @property
    def environment(self) -> dict[str, str]:
        """What the command needs beside our own environment."""
        paths = ("src", "tests/standins", "tests") if not self.series else ("tests",)
        path = {"PYTHONPATH": ":".join(str(REPOSITORY / each) for each in paths)}
        machine = {"OFFLOAD_KERNEL": self.series} if self.series else {}
        return path | machine | ({"OFFLOAD_ICOUNT": "1"} if self.counted else {})


@dataclass(frozen=True, slots=True)
class Programs:
    """Modules that measure in the same place."""

    place: Place
    modules: tuple[str, ...]
    machine: str = ""  # programs of other areas with the same name and place run in the same machine; '': alone
    slow_packets: bool = False  # they count these, and measure no time

    @property
    def counting(self) -> bool:
        """Whether other load changes nothing of what they measure."""
        return self.place.counted or self.slow_packets


HERE = Place()
USER_MODE = {series: Place(series) for series in ("6.1", "6.12")}
COUNTED = {series: Place(series, counted=True) for series in ("6.1", "6.12")}
# Work of Python alone is counted in one kernel only. Machines of the same name and place are one: to boot takes long.
AREAS = {
    "dataplane": [
        Programs(COUNTED["6.1"], ("slow", "packets", "exemptions", "guard")),
        Programs(COUNTED["6.12"], ("slow", "packets", "guard"), "rest"),
    ],
    "live": [Programs(COUNTED["6.12"], ("live",), "crowd")],
    "connections": [Programs(COUNTED["6.12"], ("connections",), "crowd")],
    "hardware": [Programs(place, ("hardware", "stations"), "rest") for place in COUNTED.values()],
    "foreign": [Programs(COUNTED["6.1"], ("foreign",), "rest")],
    "compile": [Programs(COUNTED["6.1"], ("compile",), "rest")],
    "control": [
        Programs(HERE, ("command",)),
        Programs(USER_MODE["6.1"], ("service",)),
        Programs(COUNTED["6.1"], ("start",), "rest"),
    ],
    "returns": [Programs(place, ("returns",), slow_packets=True) for place in USER_MODE.values()],
    "flows": [Programs(COUNTED["6.12"], ("flows",), "rest")],
    "stations": [Programs(COUNTED["6.12"], ("many_stations",), "rest")],
    "growth": [Programs(COUNTED["6.12"], ("growth",), "rest")],
}
MEMORY = "memory"  # no area of its own: the lines in MB of two others
WITH_MEMORY = ("control", "connections")


def main(areas: list[str]) -> None:
    """Run the areas' programs, and write what they printed. For `memory` alone: only lines in MB."""
    unknown = [area for area in areas if area not in AREAS and area != MEMORY]
    if unknown:
        raise SystemExit(f"WHAT is {unknown[0]}, but must be of {', '.join([*AREAS, MEMORY])}")
    LOGS.mkdir(parents=True, exist_ok=True)
    print(WIDTHS, flush=True)
    deadline = time.monotonic() + 60 * MINUTES
    wanted = dict.fromkeys(area for each in areas for area in (WITH_MEMORY if each == MEMORY else (each,)))
    chosen = together(programs for area in wanted for programs in AREAS[area])

    found: dict[Programs, list[Row]] = {}

    def measure(programs: list[Programs]) -> None:
        for each in programs:
            found[each] = list(_measured(each, deadline))

    measure([programs for programs in chosen if programs.place == HERE])
    timed = [programs for programs in chosen if not programs.counting and programs.place != HERE]
    # a long machine must not be last: these have most programs
    longest_first = sorted(chosen, key=lambda programs: len(programs.modules), reverse=True)
    counting = ([programs] for programs in longest_first if programs.counting)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(measure, [timed, *counting]))
    rows = [row for programs in chosen for row in found[programs]]
    if areas == [MEMORY]:
        rows = [row for row in rows if row.unit == "MB" or row.met == NOT_MEASURED]
    document = {"rows": [asdict(row) for row in rows]}
    (BUILD / "bench.json").write_text(json.dumps(document, indent=1) + "\n")
    (BUILD / "bench.txt").write_text("\n".join([*_table(rows), ""]))
    print(f"bench: {len(rows)} lines in {BUILD.name}/bench.json and {BUILD.name}/bench.txt", flush=True)


def together(chosen: Iterable[Programs]) -> list[Programs]:
    """The same programs, those of one machine joined, where the first of them stands."""
    found: dict[object, Programs] = {}
    for each in chosen:
        key = (each.place, each.machine) if each.machine else each
        before = found.get(key)
        found[key] = replace(before, modules=(*before.modules, *each.modules)) if before else each
    return list(found.values())


def _measured(programs: Programs, deadline: float) -> Iterator[Row]:
    """The lines of programs as these print them, and one for each program that fails or does not run."""
    place, waiting = programs.place, list(programs.modules)
    rest = deadline - time.monotonic()
    if rest <= 0:
        yield from (_shown(missing(place.name(module), f"no time in {MINUTES:.0f} minutes")) for module in waiting)
        return
    environment = os.environ | place.environment | {"OFFLOAD_VM_SECONDS": str(round(rest))}
    began, lines = time.monotonic(), []
    with subprocess.Popen(
        place.argv(programs.modules),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith(MARK):
                yield _shown(Row(**json.loads(line.removeprefix(MARK))))
            if line.startswith(ENDED):
                name, status = place.name(waiting.pop(0)), line.split()[-1]
                (LOGS / f"{name}.log").write_text("".join(lines))
                print(f"# {name}: {time.monotonic() - began:.0f} s", flush=True)
                if status != "0":
                    yield _shown(missing(name, f"ended with status {status}, see build/bench/{name}.log"))
                began, lines = time.monotonic(), []
    for module in waiting:
        name = place.name(module)
        (LOGS / f"{name}.log").write_text("".join(lines))
        yield _shown(missing(name, f"did not end, see build/bench/{name}.log"))


def _shown(row: Row) -> Row:
    if row.met == NOT_MEASURED:
        print(f"{row.work:46} {NOT_MEASURED}: {row.method}", flush=True)
    else:
        peer = f"{row.peer:16} {row.baseline:10.2f}" if row.peer else f"{'':16} {'':10}"
        print(
            f"{row.work:46} {peer} {row.ours:10.2f} {row.unit:5} {row.ratio:6.2f} {row.goal:7.2f}  {row.met}",
            flush=True,
        )
    return row


def _table(rows: list[Row]) -> Iterator[str]:
    """A table for docs/performance.md, with a bar for each ratio to a peer."""
    yield "| work | peer | peer has | ours | ratio | | goal | met | kernel | method |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        bar = "█" * round(BAR * min(row.ratio, 2)) if row.peer else ""
        figures = f"{row.baseline:.2f} {row.unit} | {row.ours:.2f} {row.unit} | {row.ratio:.2f} | {bar}"
        yield f"| {row.work} | {row.peer} | {figures} | {row.goal:.2f} | {row.met} | {row.kernel} | {row.method} |"


if __name__ == "__main__":
    main(sys.argv[1:] or list(AREAS))
