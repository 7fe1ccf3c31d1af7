"""What the command costs where nothing is cached but bytecode, against the bare interpreter."""

import os
import subprocess
import sys
from collections.abc import Callable

from bench.rows import against, turns
from kernel.guest import REPOSITORY

ROUNDS = 15
HOME = REPOSITORY / "tests/golden/03-lan-guest-wan"
# The goals are those of design: 110 and 35 ms where the interpreter takes 12.
COMMANDS = {
    "`offload print` of a home router": (("print", "--root", str(HOME)), 110 / 12),
    "`offload --version`": (("--version",), 35 / 12),
}


def started(*words: str) -> Callable[[], object]:
    """Run the interpreter with these words."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=True)


def main() -> None:
    """Print a row for each command."""
    for work, (words, goal) in COMMANDS.items():
        figures = turns(started("-c", "pass"), started("-m", "offload", *words), ROUNDS)
        against(work, "bare Python", "ms", figures, goal, "processor time, taking turns").show()


if __name__ == "__main__":
    main()
