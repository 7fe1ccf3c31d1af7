"""The cost of the command when only bytecode is cached, compared with the bare interpreter."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.python import NAME
from bench.rows import against, beside
from kernel.guest import REPOSITORY

# In each of them every command runs once, so that all meet the same slow moments of the machine.
ROUNDS = 40
HOME = REPOSITORY / "tests/golden/03-lan-guest-wan"
# The goals are those of design: 110, 35 and 120 ms where the interpreter takes 12.
COMMANDS = {
    "`offload print` of a home router": (("print", "--root", str(HOME)), 110 / 12),
    "`offload --version`": (("--version",), 35 / 12),
    "`offload firewall print` of a home router": (("firewall", "print", "--root", str(HOME)), 120 / 12),
}
ZONES = 16
RULES = {1000: 200 / 12, 5000: 500 / 12}  # rules, and the goal for them
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
    with tempfile.TemporaryDirectory() as folder:
        commands = dict(COMMANDS)
        for count, goal in RULES.items():
            config = Path(folder, str(count), "etc/config/firewall")
            config.parent.mkdir(parents=True)
            config.write_text(rules(count))
            words = ("firewall", "print", "--root", f"{folder}/{count}")
            commands[f"`offload firewall print` of {count} rules and {ZONES} zones"] = words, goal
        runs = [started("-m", "offload", *words) for words, _ in commands.values()]
        found = beside(started("-c", "pass"), runs, ROUNDS)
        for (work, (_, goal)), figures in zip(commands.items(), found, strict=True):
            against(work, NAME, "ms", figures, goal, "processor time, taking turns").show()


if __name__ == "__main__":
    main()
