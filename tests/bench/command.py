"""The cost of the command when only bytecode is cached, compared with the bare interpreter."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.rows import against, turns
from kernel.guest import REPOSITORY

ROUNDS, AGAIN = 15, 5
MORE_ROUNDS = 40  # of a command that takes so much longer than its peer that the rounds' ratios differ more
HOME = REPOSITORY / "tests/golden/03-lan-guest-wan"
# The goals are those of design: 110, 35 and 120 ms where the interpreter takes 12.
COMMANDS = {
    "`offload print` of a home router": (("print", "--root", str(HOME)), 110 / 12),
    "`offload --version`": (("--version",), 35 / 12),
    "`offload firewall print` of a home router": (("firewall", "print", "--root", str(HOME)), 120 / 12),
}
ZONES = 16
RULES = {1000: (200 / 12, ROUNDS), 5000: (500 / 12, MORE_ROUNDS)}  # rules, the goal for them, and rounds
TARGETS = ("ACCEPT", "REJECT", "DROP")


def rules(count: int) -> str:
    """A configuration with so many rules between its zones."""
    zones = [f"config zone\n\toption name z{n}\n\tlist device eth{n}\n\toption input DROP\n" for n in range(ZONES)]
    return "\n".join([*zones, *map(_rule, range(count))])


def _rule(n: int) -> str:
    options = {
        "name": f"Rule-{n}",
        "src": f"z{n % ZONES}",
        **({"dest": f"z{(n + 1) % ZONES}"} if n % 2 else {}),
        "proto": ("tcp", "udp", "tcp udp")[n % 3],
        "src_ip": f"10.{n // 250}.{n % 250}.0/24",
        "dest_port": str(1000 + n),
        "target": TARGETS[n % len(TARGETS)],
    }
    return "config rule\n" + "".join(f"\toption {name} '{value}'\n" for name, value in options.items())


def started(*words: str) -> Callable[[], object]:
    """Run the interpreter with these words."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=True)


def main() -> None:
    """Print a row for each command."""
    for work, (words, goal) in COMMANDS.items():
        measure(work, words, goal)
    for count, (goal, rounds) in RULES.items():
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder, "etc/config/firewall")
            config.parent.mkdir(parents=True)
            config.write_text(rules(count))
            words = ("firewall", "print", "--root", folder)
            measure(f"`offload firewall print` of {count} rules and {ZONES} zones", words, goal, rounds)


def measure(work: str, words: tuple[str, ...], goal: float, rounds: int = ROUNDS) -> None:
    """Print the row of a command."""
    figures = turns(started("-c", "pass"), started("-m", "offload", *words), rounds, AGAIN)
    against(work, "bare Python", "ms", figures, goal, "processor time, taking turns").show()


if __name__ == "__main__":
    main()
