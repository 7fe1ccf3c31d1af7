"""What a packet costs the router: without offload, as fw4 offloads, and as we do. Run by `make bench` in an icount machine.

Prints one line per ruleset and the ratio ours / fw4; the same network, the same firewall and the same kernel for all.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.pktgen import End, cost, establish
from kernel.lab import HOME, Home, home

COUNTER = """table inet bench_slow {
	chain forward { type filter hook forward priority filter - 5; policy accept; counter; }
}"""
FORWARD = "type filter hook forward priority filter; policy drop;\n"


def fw4_offload(devices: list[str]) -> str:
    """The firewall with fw4's flowtable and its one rule, first in chain forward (ruleset.uc)."""
    named = ", ".join(f'"{device}"' for device in devices)
    flowtable = f"\tflowtable ft {{ hook ingress priority 0; devices = {{ {named} }}; counter; }}\n"
    text = (HOME / "firewall.nft").read_text()
    head, _, rest = text.partition("table inet fw4 {\n")
    rest = rest.replace(FORWARD, f"{FORWARD}\t\tmeta l4proto {{ tcp, udp }} flow offload @ft\n")
    return f"{head}table inet fw4 {{\n{flowtable}{rest}"


@contextmanager
def firewall(lab: Home, text: str) -> Iterator[None]:
    """This firewall instead of the one the lab loaded."""
    lab.router.nft("delete table inet fw4")
    lab.router.nft(text)
    try:
        yield
    finally:
        lab.router.nft("delete table inet fw4")
        lab.router.nft((HOME / "firewall.nft").read_text())


def both_ways(lab: Home) -> dict[str, float]:
    """Microseconds per packet up and down, and how many of the last packets were slow."""
    lab.router.run("conntrack", "-F")
    near, far = End(lab.client, "eth0"), End(lab.server, "eth0")
    up, down = establish(near, far, lab.internet4.address, lab.router.mac("br-lan"), lab.router.mac("wan"))
    lab.router.nft(COUNTER)
    figures = {"up": cost(up, End(lab.router, "lan1"), far), "down": cost(down, End(lab.router, "wan"), near)}
    listing = json.loads(lab.router.run("nft", "-j", "list", "table", "inet", "bench_slow"))
    slow = next(each["rule"]["expr"][0]["counter"]["packets"] for each in listing["nftables"] if "rule" in each)
    lab.router.nft("delete table inet bench_slow")
    return figures | {"slow": slow}


def main() -> int:
    """Measure, print, and fail where a goal is missed."""
    with home() as lab:
        rows = {"without offload": both_ways(lab)}
        with firewall(lab, fw4_offload(["br-lan", "wan"])):
            rows["fw4"] = both_ways(lab)
        lab.router.offload("apply")
        rows["offload"] = both_ways(lab)
    for name, row in rows.items():
        print(f"{name:16} up {row['up']:6.2f} us  down {row['down']:6.2f} us  slow packets {row['slow']}")
    ratio = (rows["offload"]["up"] + rows["offload"]["down"]) / (rows["fw4"]["up"] + rows["fw4"]["down"])
    print(f"offload / fw4    {ratio:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
