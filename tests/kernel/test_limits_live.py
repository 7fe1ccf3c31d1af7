"""Limits that come while a flow is offloaded meet it: by a rule, and by an element of a map that leads to them."""

import json
import time
from collections.abc import Callable

import pytest

from kernel.lab import Home
from kernel.resident import Resident
from kernel.traffic import Talk

TABLE = """table inet limits {
	map hosts { type ipv4_addr : verdict; }
	map rates { type ipv4_addr : limit; }
	set some { type ipv4_addr; }
	limit slow { rate over 100 mbytes/second; }
	counter hits { }
	chain slow {
		counter name "hits" limit rate over 100 mbytes/second drop
	}
	chain f {
		type filter hook forward priority -10
		ip daddr vmap @hosts
		RULE
	}
}
"""
COMING = {
    "an element of a verdict map": ("", "add element inet limits hosts { 203.0.113.1 : jump slow }"),
    "a rule": ("", "add rule inet limits f ip daddr 203.0.113.1 jump slow"),
    "an element of a set": ("ip daddr @some jump slow", "add element inet limits some { 203.0.113.1 }"),
}


@pytest.mark.parametrize("which", COMING)
def test_a_limit_that_comes_meets_a_live_flow(
    home: Home, service: Resident, call: Callable[..., Talk], which: str
) -> None:
    rule, command = COMING[which]
    home.router.nft(TABLE.replace("RULE", rule))
    try:
        service.quiet()
        talk = call(home.laptop, home.internet4, "udp")
        talk.echo(20)
        home.router.nft(command)
        time.sleep(2)
        before = hits(home)
        talk.echo(60)
        assert hits(home) - before >= 60
    finally:
        home.router.nft("delete table inet limits")


def hits(home: Home) -> int:
    listed = json.loads(home.router.run("nft", "-j", "list", "counters"))["nftables"]
    return sum(each["counter"]["packets"] for each in listed if each.get("counter", {}).get("name") == "hits")
