"""Run parts of the gate, which is all tests and checks before a change lands: `python -m gate PART...` (parts.py).

The jobs of the parts run in parallel, longest first, as many as the processors can serve (turns.py); OFFLOAD_JOBS gives
another number of processors. Each prints a line when it has ended, with its time and its processor time in seconds, and
its output if it failed; the output of all is in build/gate. At the end come the times, and the tests that passed only
in a second run: more than five of these are a failure too.
"""

import os
import re
import signal
import sys
import time
from pathlib import Path

from gate.costs import remember
from gate.job import DIED, Ended
from gate.parts import PARTS
from gate.turns import side_by_side

LOGS = Path(__file__).resolve().parents[2] / "build/gate"
MOST_RERUNS = 5


def main(parts: list[str]) -> int:
    """0 where everything passed."""
    began = time.monotonic()
    jobs = [job for part in parts for job in PARTS[part]()]
    LOGS.mkdir(parents=True, exist_ok=True)
    ended = []
    print(f"gate: {len(jobs)} jobs, each prints a line when it has ended", flush=True)
    for each in side_by_side(jobs, int(os.environ.get("OFFLOAD_JOBS", os.cpu_count() or 1))):
        ended.append(each)
        _show(each)
    remember(ended)
    reruns = [what for each in ended for what in each.reruns]
    failed = [each.job.name for each in ended if each.status]
    _conclude(parts, ended, reruns, failed, time.monotonic() - began)
    return bool(failed) or len(reruns) > MOST_RERUNS


def _show(ended: Ended) -> None:
    name = ended.job.name
    (LOGS / f"{re.sub(r'[ /]+', '-', name)}.log").write_text(ended.output)
    if ended.status or DIED in ended.output:
        print(f"\n{name} printed:\n{ended.output}")
    verdict = f"FAILED with status {ended.status}" if ended.status else "passed"
    print(f"{ended.seconds:5.0f} s, {ended.busy:4.0f} s busy  {name} {verdict}  {ended.summary}", flush=True)


def _conclude(parts: list[str], ended: list[Ended], reruns: list[str], failed: list[str], seconds: float) -> None:
    print()
    for part in parts:
        jobs = [each for each in ended if each.job.part == part]
        took, busy = sum(each.seconds for each in jobs), sum(each.busy for each in jobs)
        print(f"gate: {part:8} {took:5.0f} s, {busy:5.0f} s busy in {len(jobs)} jobs")
    print(f"gate: all      {seconds:5.0f} s side by side, {seconds / 60:.1f} min")
    print(
        f"gate: {len(reruns)} needed another run, and at most {MOST_RERUNS} may"
        + "".join(f"\n  {each}" for each in reruns)
    )
    for each in ended:
        print("".join(f"  {line}\n" for line in each.failures), end="")
    print(f"gate: FAILED: {', '.join(failed)}" if failed else "gate: nothing failed", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
