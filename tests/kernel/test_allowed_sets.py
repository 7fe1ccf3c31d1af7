"""A rule that accepts by a set, before one that drops: what leaves the set reaches live flows, and no other flow."""

from collections.abc import Iterator

import pytest

from kernel.lab import Home
from kernel.resident import Resident
from kernel.test_live_rules import Call, offloaded, stopped

MORE = 300  # rules; from so many on, plain ones are read together (rule_runs.py)
ALLOWED = """table inet allows {
	set allowed { type ipv4_addr; elements = { 203.0.113.1 }
	}
	chain forward {
		type filter hook forward priority -1; policy accept;
		%s
		ip daddr @allowed accept
		ip daddr 203.0.113.1 drop
	}
}
"""


@pytest.fixture(name="allows", params=[0, MORE])
def _allows(home: Home, service: Resident, request: pytest.FixtureRequest) -> Iterator[Home]:
    others = (f"ip saddr @allowed tcp dport {number} counter accept" for number in range(1, request.param + 1))
    home.router.nft(ALLOWED % "\n\t\t".join(others))
    service.quiet()
    yield home
    home.router.nft("delete table inet allows")


def test_what_is_no_longer_allowed_ends(allows: Home, call: Call) -> None:
    talks = [offloaded(allows, call(allows.client, allows.internet4, proto)) for proto in ("tcp", "udp")]
    stopped(allows, call, talks, lambda: allows.router.nft("delete element inet allows allowed { 203.0.113.1 }"))
