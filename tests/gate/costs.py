"""The time and processor time of each job when it passed last, which decide what may run at the same time.

`measured.json` has those of the longest jobs, for a fresh clone; to update it, copy build/gate/costs.json over it after
a run of `make test` on an idle machine. A wrong number costs time, nothing else.
"""

import json
from functools import cache
from pathlib import Path

from gate.job import Cost, Ended

MEASURED = Path(__file__).with_name("measured.json")
HERE = Path(__file__).resolve().parents[2] / "build/gate/costs.json"


def known(name: str, guess: Cost) -> Cost:
    """What a job cost when it passed last; `guess` for one that is not known."""
    return _read(HERE).get(name) or _read(MEASURED).get(name) or guess


def remember(ended: list[Ended]) -> None:
    """Keep the costs of the jobs that passed.

    A busy machine makes a job wait longer than it has to, so the shortest wait counts.
    """
    costs = dict(_read(HERE))
    for each in ended:
        if not each.status:
            waits = max(0.0, each.seconds - each.busy)
            before = known(each.job.name, Cost(each.busy, waits))
            costs[each.job.name] = Cost(round(each.busy, 1), round(min(waits, before.waits), 1))
    HERE.parent.mkdir(parents=True, exist_ok=True)
    lines = {name: [cost.busy, cost.waits] for name, cost in sorted(costs.items())}
    HERE.write_text(",\n".join(f"{json.dumps(name)}: {cost}" for name, cost in lines.items()).join(("{\n", "\n}\n")))
    _read.cache_clear()


@cache
def _read(file: Path) -> dict[str, Cost]:
    return {name: Cost(*cost) for name, cost in json.loads(file.read_text()).items()} if file.exists() else {}
