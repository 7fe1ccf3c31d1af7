"""The tables of iptables-legacy in the kernel, whose rules nf_tables does not list."""

from contextlib import suppress
from pathlib import Path

FILES = {"ip_tables_names": "iptables", "ip6_tables_names": "ip6tables"}
OPENING = "nat"  # this table sees only the first packet of a connection


def legacy_tables(root: Path = Path("/proc/net")) -> tuple[str, ...]:
    """The loaded tables of iptables-legacy that established packets meet, such as `iptables filter`: all but `nat`.

    Those of iptables come first, then those of ip6tables. A table without rules is in the result. A list of /proc/net
    (`root`) that does not exist or cannot be read counts as empty.
    """
    found = []
    for file, program in FILES.items():
        with suppress(OSError):
            names = (root / file).read_text(errors="replace").split()
            found += [f"{program} {name}" for name in sorted(names) if name != OPENING]
    return tuple(found)
