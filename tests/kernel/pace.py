"""How many packets per second a router forwards of one flow: the kernel's packet generator, and a sink that counts.

The flow is an existing UDP connection, which the firewall has accepted and NAT has translated. Generator and sink cost
the same on either path, so the ratio of two results is less than that of the router's own times.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from kernel.netns import Namespace
from kernel.traffic import Talk

SINK = """
table netdev sink {{
	chain ingress {{
		type filter hook ingress device eth0 priority filter; policy accept;
		udp dport {port} counter drop
	}}
}}
"""
BYTES = 128


@dataclass(frozen=True)
class Pace:
    """A flow to measure: who sends it through which router's device, and who receives it."""

    talk: Talk
    source: Namespace
    gateway: str  # MAC address of the router's device
    sink: Namespace

    def measure(self, count: int) -> float:
        """Send `count` packets as fast as they go; packets that arrived, per second."""
        self.sink.nft(SINK.format(port=self.talk.far[1]))
        try:
            seconds = self._generate(count)
            return self._arrived() / seconds
        finally:
            self.sink.nft("delete table netdev sink")

    def _generate(self, count: int) -> float:
        (source, sport), (destination, dport) = self.talk.near, self.talk.far
        settings = [
            *(f"count {count}", f"pkt_size {BYTES}", f"dst_mac {self.gateway}"),
            *(f"src_min {source}", f"src_max {source}", f"dst {destination}"),
            *(f"udp_src_{end} {sport}" for end in ("min", "max")),
            *(f"udp_dst_{end} {dport}" for end in ("min", "max")),
        ]
        with self.source.entered():
            generator = Path("/proc/thread-self/net/pktgen")
            for command in ("rem_device_all", "add_device eth0"):
                (generator / "kpktgend_0").write_text(command + "\n")
            for setting in settings:
                (generator / "eth0").write_text(setting + "\n")
            (generator / "pgctrl").write_text("start\n")  # returns when all are sent
            result = (generator / "eth0").read_text()
        took = re.search(r"OK: (\d+)", result)
        assert took, result
        return int(took[1]) / 1e6

    def _arrived(self) -> int:
        listing = json.loads(self.sink.run("nft", "-j", "list", "chain", "netdev", "sink", "ingress"))["nftables"]
        rule = next(found["rule"] for found in listing if "rule" in found)
        return int(next(part["counter"]["packets"] for part in rule["expr"] if "counter" in part))
