"""The tables of iptables-legacy in the kernel, whose rules nf_tables does not list."""

from contextlib import suppress
from pathlib import Path

FILES = {"ip_tables_names": "iptables", "ip6_tables_names": "ip6tables"}
OPENING = "nat"  # this table sees only the first packet of a connection


def legacy_tables(root: Path = Path("/proc/net")) -> tuple[str, ...]:
    """The loaded tables that established packets meet (`iptables filter`, `ip6tables mangle`), without `nat`.

    Those of iptables come first. `()` without the kernel's module, or if its list may not be read. A table is listed
    even if it has no rules.
    """
    found = []
    for file, program in FILES.items():
        with suppress(OSError):
            names = (root / file).read_text(errors="replace").split()
            found += [f"{program} {name}" for name in sorted(names) if name != OPENING]
    return tuple(found)
