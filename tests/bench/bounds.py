"""Costs with a bound each: the gate measures them in counted instructions and fails where one has grown.

bounds.json has for each line the figure of the day it was written, as a ratio to the line's peer, and the bound, 3 %
above it. `make bounds` measures all lines and writes that file anew; who commits it says why a figure may have grown.
Run in QEMU with icount by `python -m gate bounds`, a part of `make test`.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.counted import lines
from bench.rows import Row
from kernel.guest import BUILD

BOUNDS = Path(__file__).with_name("bounds.json")
WRITTEN = BUILD / "bounds.json"  # a machine can write to no other directory
MARGIN = 1.03  # two runs of the same code differ by less


@dataclass(frozen=True, slots=True)
class Bound:
    """A line's ratio to its peer when it was written, and the highest one that passes."""

    figure: float
    bound: float


def main(arguments: list[str]) -> int:
    """0 where no line is over its bound; with --write every line passes, and bounds are written to build/."""
    rows = []
    for row in lines():
        rows.append(row)
        print(
            f"{row.work:44} {row.ours:9.2f} {row.unit} {row.peer:14} {row.baseline:9.2f}  ratio {row.ratio:.3f}",
            flush=True,
        )
    if arguments == ["--write"]:
        WRITTEN.write_text(text({row.work: row.ratio for row in rows}))
        return 0
    complaints = judged(rows, read(BOUNDS.read_text()))
    print("\n".join(complaints or ["bounds: no line is over its bound"]), flush=True)
    return bool(complaints)


def judged(rows: list[Row], bounds: Mapping[str, Bound]) -> list[str]:
    """A sentence for each line that is over its bound, that has none, or that was not measured."""
    over = [
        f"bounds: {row.work} takes {row.ratio:.3f} times {row.peer} and must take at most {bound.bound:.3f}"
        f" (was {bound.figure:.3f}): find what grew, or write the bounds anew with `make bounds` and say why"
        for row in rows
        if (bound := bounds.get(row.work)) and row.ratio > bound.bound
    ]
    measured = {row.work for row in rows}
    unbound = [f"bounds: {work} has no bound: write it with `make bounds`" for work in sorted(measured - bounds.keys())]
    left = [f"bounds: {work} has a bound, but is not measured" for work in sorted(bounds.keys() - measured)]
    return [*over, *unbound, *left]


def read(document: str) -> dict[str, Bound]:
    """The bounds of a bounds.json, by line."""
    return {work: Bound(**each) for work, each in json.loads(document).items()}


def text(ratios: Mapping[str, float]) -> str:
    """A bounds.json for these figures, a line of text for each."""
    bounds = {work: Bound(round(ratio, 3), round(ratio * MARGIN, 3)) for work, ratio in ratios.items()}
    return ",\n".join(f"{json.dumps(work)}: {json.dumps(asdict(each))}" for work, each in bounds.items()).join(
        ("{\n", "\n}\n")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
