"""One program of the gate: what it runs, and how it ended."""

import os
import re
import subprocess
import time
from dataclasses import dataclass, field

RERUN = re.compile(r"^RERUN (\S+)", re.MULTILINE)  # pytest's summary, with -rR
AGAIN = re.compile(r"^AGAIN (\S+) - (.*)", re.MULTILINE)  # what tests/conftest.py adds to it
FAILURE = re.compile(r"^((?:FAILED|ERROR) \S+.*)", re.MULTILINE)  # with -rfE
SUMMARY = re.compile(r"^(?:=+ )?(\d+ \w+[^=\n]* in [\d.:]+\S*)", re.MULTILINE)
WIDTH = 400  # characters of a failure's line
DIED = "vm: the machine died"


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds that a job keeps a processor busy, and seconds that it waits."""

    busy: float
    waits: float = 0

    @property
    def seconds(self) -> float:
        """How long it takes where it has a processor whenever it wants one."""
        return self.busy + self.waits

    @property
    def share(self) -> float:
        """The share of a processor that it needs, 0 to 1."""
        return min(1.0, self.busy / self.seconds) if self.seconds else 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """A program and its environment; `cost` as far as it is known."""

    part: str
    name: str
    argv: tuple[str, ...]
    cost: Cost
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended."""

    job: Job
    status: int
    output: str
    seconds: float
    busy: float = 0  # seconds of processor time, of its children too: what the job costs also on a busy machine

    @property
    def reruns(self) -> list[str]:
        """The tests that needed another run, with the cause where it is known, and the machines that did."""
        causes = {test: f" - {cause}"[:WIDTH] for test, cause in AGAIN.findall(self.output)}
        tests = [f"{test}{causes.get(test, '')}" for test in RERUN.findall(self.output)]
        machines = ["its machine died"] * self.output.count(DIED)
        return [f"{self.job.name}: {what}" for what in [*tests, *machines]]

    @property
    def failures(self) -> list[str]:
        """What failed, a line each: what pytest lists, else the last lines that were printed."""
        if not self.status:
            return []
        found: list[str] = FAILURE.findall(self.output)
        return [f"{self.job.name}: {line[:WIDTH]}" for line in found or self.output.splitlines()[-3:]]

    @property
    def summary(self) -> str:
        """The last line that pytest printed, or nothing."""
        found: list[str] = SUMMARY.findall(self.output)
        return found[-1] if found else ""


def run(job: Job) -> Ended:
    """Run a job to its end."""
    began = time.monotonic()
    with subprocess.Popen(
        job.argv,
        env=os.environ | job.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(job, process.returncode, output, time.monotonic() - began, usage.ru_utime + usage.ru_stime)
