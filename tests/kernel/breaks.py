"""Writes docs/what-breaks.md from what its tests have measured: `python -m kernel.breaks`, the end of `make breaks`.

The figures are stored in docs/what-breaks.json. A row without a figure is an error.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from kernel.rates import FIGURES

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = DOCS / "what-breaks.json"
PAGE = KEPT.with_suffix(".md")
BOTH, HARDWARE = ("software", "hardware"), ("hardware",)
ROWS: Mapping[str, tuple[str, ...]] = {
    "cake, 2 Mbit/s": BOTH,
    "htb, 2 Mbit/s": BOTH,
    "tbf, 2 Mbit/s": BOTH,
    "cake on an ifb for what comes in, 2 Mbit/s": BOTH,
    "cake on an ifb for what comes in on a VLAN, 2 Mbit/s": BOTH,
    "cake on an ifb for what comes in on a VLAN whose port a zone has too, 2 Mbit/s": BOTH,
    "tbf on a bridge, for what goes out, 2 Mbit/s": BOTH,
    "policer of a tc filter on a bridge, 2 Mbit/s": BOTH,
    "cake with auto_software 0, 2 Mbit/s": HARDWARE,
    "cake's tins by the DSCP of packets": BOTH,
    "cake's tins by the DSCP that a rule sets": BOTH,
    "rate of 0.4 Mbit/s in a rule of nft, own table": BOTH,
    "rate of 0.4 Mbit/s in a rule of nft, fw4's forward chain": BOTH,
    "rate of 0.4 Mbit/s in a rule of nft, chain that is jumped to, behind masquerade": BOTH,
    "rate of 0.4 Mbit/s in a chain on a device's ingress hook, priority -10": BOTH,
    "rate of 0.4 Mbit/s in a chain on a device's ingress hook, priority 0": BOTH,
    "rate of 0.4 Mbit/s in a chain on a device's ingress hook, priority 500": BOTH,
    "rate of 0.4 Mbit/s in a chain on a device's egress hook": BOTH,
    "policer of 0.4 Mbit/s in a tc filter": BOTH,
    "quota of 100 kB in fw4's forward chain": BOTH,
    "DSCP set in the forward path": BOTH,
    "TTL set in the forward path": BOTH,
    "TTL set on the egress hook of wan": BOTH,
    "counter of a rule in the forward path": BOTH,
    "counter in a chain on a device's ingress hook": BOTH,
    "counter in a chain on a device's egress hook": BOTH,
    "counters of connections (nlbwmon)": BOTH,
    "class that a rule chooses (meta priority)": BOTH,
    "class that a filter chooses by mark (fw)": BOTH,
    "mark of a connection, restored on wan's ingress (connmark, ctinfo)": BOTH,
    "mark of a connection, restored on wan's egress behind masquerade": BOTH,
    "log of a rule in the forward path": BOTH,
    "connection with a helper (ftp), seen by it": BOTH,
    "connection with a helper (sip), seen by it": BOTH,
    "first 20 packets (DPI, zapret)": BOTH,
    "datagrams in fragments": BOTH,
    "packets with IPv4 options": BOTH,
    "TCP connection after a pause longer than the flowtable's timeout": BOTH,
    "UDP connection after a pause longer than the flowtable's timeout": BOTH,
    "idle TCP connection, its timeout 2 s and the flowtable's 5 s: kept for": BOTH,
    "download after the client's FIN": BOTH,
    "upload of 200 kB after the MTU of wan became 1280": BOTH,
    "default route that moves to the second wan (IPv6)": BOTH,
    "second wan by a mark (pbr)": BOTH,
    "second wan by a mark (mwan3)": BOTH,
    "failover to the other wan (mwan3)": BOTH,
    "stopped firewall: packets that the stack forwards": BOTH,
    "WireGuard: packets that the stack forwards": BOTH,
    "6in4: packets that the stack forwards": BOTH,
    "IPsec, by policies: packets that the stack forwards": BOTH,
    "docker: packets that the stack forwards": BOTH,
    "VRF: packets that the stack forwards": BOTH,
    "element of a set that bans live flows": BOTH,
    "rule that bans live flows": BOTH,
    "element of a set that bans on a device's ingress hook": BOTH,
    "time window that begins while a flow runs": BOTH,
    "time window that ends while a flow runs": BOTH,
    "new DROP or REJECT rule, cut_refused 1": BOTH,
    "time window of a rule begins, cut_refused 1": BOTH,
    "time window of a rule that accepts ends, cut_refused 1": BOTH,
}
HEAD = """# What offload breaks, and what offload does about it

In short: rules in the forward path that set the TTL, count or log see only the first packets of an offloaded
connection, and bans, new rules and times reach it up to a second later. Shapers, limits, quotas, DSCP and marks hold,
because `offload` keeps their traffic slow, or puts it in software (see the last column).

Offloaded packets bypass firewall rules, and in hardware the processor too. Each row was measured with real traffic
through a kernel (6.12, user mode; hardware is the emulated chip of the tests), without offload and with it;
`make breaks` measures again and writes this page. `offload check` names what of it concerns your router.
"Kept" means that the feature works as without offload; "slow" means the slow path, the whole network stack. What
`option auto_exempt` and `option auto_software` do of this is on by default. Rates differ from run to run: a shaper of
2 Mbit/s counts as kept from 1.4 to 2.2 Mbit/s. Where a row has "packets that the stack forwards", the figure is how
many packets took the slow path. After "else" stands what it would be if `offload` did nothing about it.

| feature | path | without offload | with offload | what offload does |
|---|---|---|---|---|
"""
TAIL = """
For bans and times the figure is how long after the change the last packet of a live flow got through, for the failover
how long until packets left by the other wan. "Returned": live flows take the slow path for a moment, meet the rules
again and look up their routes.

Not measured here: helpers other than ftp and sip, and anything against real hardware.
"""


def gathered() -> list[dict[str, str]]:
    """The figures of all rows, as the tests of this machine wrote them; KeyError for a row without figures."""
    found = [json.loads(file.read_text()) for file in FIGURES.glob("*.json")]
    by_name = {(each["row"], each["path"]): each for each in found}
    return [by_name[row, path] for row, paths in ROWS.items() for path in paths]


def page(figures: Iterable[Mapping[str, str]]) -> str:
    """The page for these figures."""
    cells = ((each[key] for key in ("row", "path", "slow", "fast", "did")) for each in figures)
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in cells) + TAIL


if __name__ == "__main__":
    rows = gathered()
    KEPT.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(page(rows))
