"""`make bench`, or `make bench WHAT=dataplane`: one table, written to build/bench.json and, with bars, build/bench.txt.

Each program of this directory prints its rows (rows.py); those that need a kernel run in a virtual machine. Those that
count instructions run two at a time at the end: other load does not change what they count. If a
program fails, or is not done in MINUTES, only its own rows are missing. The exit status is 0 whatever the figures are:
people judge them, and the gate has limits of its own.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.rows import MARK, NOT_MEASURED, Row, missing

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
LOGS = BUILD / "bench"
MINUTES = float(os.environ.get("BENCH_MINUTES", "20"))
WIDTHS = f"{'work':46} {'peer':16} {'peer has':>10} {'ours':>10} {'unit':5} {'ratio':>6} {'goal':>7}  met"
AT_ONCE = min(2, os.cpu_count() or 1)  # programs that count instructions
BAR = 40  # characters for a ratio of 1


@dataclass(frozen=True, slots=True)
class Program:
    """A module that measures, and where it runs: '' on this machine, else in a virtual one with this kernel series."""

    module: str
    series: str = ""
    counted: bool = False  # by QEMU's icount, else in a user-mode kernel

    @property
    def name(self) -> str:
        """For the log and the table."""
        return f"{self.module}-{self.series or 'here'}"

    @property
    def argv(self) -> list[str]:
        """What to run."""
        if not self.series:
            return [sys.executable, "-m", f"bench.{self.module}"]
        return [sys.executable, "-m", "kernel.vm", "python3", "-m", f"bench.{self.module}"]

    @property
    def environment(self) -> dict[str, str]:
        """What it needs beside ours."""
        paths = ("src", "tests/standins", "tests") if not self.series else ("tests",)
        path = {"PYTHONPATH": ":".join(str(REPOSITORY / each) for each in paths)}
        machine = {"OFFLOAD_KERNEL": self.series} if self.series else {}
        return path | machine | ({"OFFLOAD_ICOUNT": "1"} if self.counted else {})


AREAS = {
    "control": [Program("command"), Program("service", "6.1"), Program("start", "6.1", counted=True)],
    "flows": [Program("flows")],
    "stations": [Program("many_stations")],
    "growth": [Program("growth")],
    "compile": [Program("compile", "6.1", counted=True)],
    "foreign": [Program("foreign", "6.1", counted=True)],
    "dataplane": [
        Program("slow", "6.1", counted=True),
        Program("slow", "6.12", counted=True),
        Program("packets", "6.1", counted=True),
        Program("packets", "6.12", counted=True),
        Program("exemptions", "6.1", counted=True),
        Program("guard", "6.1", counted=True),
        Program("guard", "6.12", counted=True),
    ],
    "connections": [Program("connections", "6.1", counted=True)],
    "returns": [Program("returns", "6.1"), Program("returns", "6.12")],
    "hardware": [
        Program(name, series, counted=True) for series in ("6.1", "6.12") for name in ("hardware", "stations")
    ],
    "live": [Program("live", series, counted=True) for series in ("6.1", "6.12")],
}


def main(areas: list[str]) -> None:
    """Run the areas' programs one after the other, and write what they printed."""
    unknown = [area for area in areas if area not in AREAS]
    if unknown:
        raise SystemExit(f"WHAT is {unknown[0]}, but must be of {', '.join(AREAS)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    print(WIDTHS, flush=True)
    deadline = time.monotonic() + 60 * MINUTES
    programs = [program for area in areas for program in AREAS[area]]

    def measured(program: Program) -> list[Row]:
        return list(_measured(program, deadline))

    timed = {program: measured(program) for program in programs if not program.counted}
    counting = [program for program in programs if program.counted]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        counted = dict(zip(counting, pool.map(measured, counting), strict=True))
    rows = [row for program in programs for row in (timed | counted)[program]]
    document = {"rows": [asdict(row) for row in rows]}
    (BUILD / "bench.json").write_text(json.dumps(document, indent=1) + "\n")
    (BUILD / "bench.txt").write_text("\n".join([*_table(rows), ""]))
    print(f"bench: {len(rows)} lines in {BUILD.name}/bench.json and {BUILD.name}/bench.txt", flush=True)


def _measured(program: Program, deadline: float) -> Iterator[Row]:
    """The lines of a program as it prints them."""
    rest = deadline - time.monotonic()
    if rest <= 0:
        yield _shown(missing(program.name, f"no time in {MINUTES:.0f} minutes"))
        return
    environment = os.environ | program.environment | {"OFFLOAD_VM_SECONDS": str(round(rest))}
    began, lines = time.monotonic(), []
    with subprocess.Popen(
        program.argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith(MARK):
                yield _shown(Row(**json.loads(line.removeprefix(MARK))))
    (LOGS / f"{program.name}.log").write_text("".join(lines))
    if process.returncode:
        why = f"ended with status {process.returncode}, see build/bench/{program.name}.log"
        yield _shown(missing(program.name, why))
    print(f"# {program.name}: {time.monotonic() - began:.0f} s", flush=True)


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
