"""The tables of iptables-legacy in the kernel, whose rules nf_tables does not list."""

from contextlib import suppress
from pathlib import Path

FILES = {"ip_tables_names": "iptables", "ip6_tables_names": "ip6tables"}
OPENING = "nat"  # this table sees only the first packet of a connection


def legacy_tables(root: Path = Path("/proc/net")) -> tuple[str, ...]:
    """The loaded tables of iptables-legacy that established packets meet, such as `iptables filter`: all but `nat`.

    Those of iptables come first, then those of ip6tables. `()` without the kernel's modules, or if their lists in
    /proc/net may not be read. A table is listed even if it has no rules.
    """
    found = []
    for file, program in FILES.items():
        with suppress(OSError):
            names = (root / file).read_text(errors="replace").split()
            found += [f"{program} {name}" for name in sorted(names) if name != OPENING]
    return tuple(found)
