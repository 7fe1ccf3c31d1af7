"""Configurations that make fw4 crash, or nft refuse fw4's whole ruleset: the router comes up with all the rest."""

from contextlib import ExitStack

import pytest

from kernel.lab import Home
from kernel.test_firewall import Lab
from kernel.test_firewall_packets import CLIENT, FROM_WAN, ROUTER, RULES, SERVER, Echo, ask

BROKEN = {
    "defaults": "config defaults\n\toption input 'maybe'\n\toption synflood_rate '0/s'\n",
    "zone twice": "config zone\n\toption name 'wan'\n\toption input 'ACCEPT'\n\toption device 'wan'\n",
    "zone without a name": "config zone\n\toption device 'wan'\n\toption input 'ACCEPT'\n",
    "device": "config zone\n\toption name 'odd'\n\tlist device 'a \"b; accept'\n",
    "protocol": RULES.format(name="x", zones=FROM_WAN, port=1, target="ACCEPT", more="option family 'x'")
    + "config rule\n\toption src 'wan'\n\toption proto 'nosuch'\n\toption target 'ACCEPT'\n",
    "limit": RULES.format(name="x", zones=FROM_WAN, port=1, target="ACCEPT", more="option limit '0/s'"),
    "log": RULES.format(
        name="$x" * 80, zones=FROM_WAN, port=1, target="ACCEPT", more="option log '$y" + "z" * 200 + "'"
    ),
    "helper": RULES.format(name="x", zones=FROM_WAN, port=1, target="HELPER", more="option set_helper 'sip'"),
    "set": "config ipset\n\toption name 'table'\n\tlist match 'net'\n"
    "\tlist entry '10.0.0.1-10.0.0.9'\n\tlist entry 'x'\n",
    "set twice": "config ipset\n\toption name 's'\n\tlist match 'ip'\n\n"
    "config ipset\n\toption name 's'\n\tlist match 'mac'\n",
    "include": "config include\n\toption type 'nftables'\n\nconfig include\n\toption path 7\n\toption type 'x'\n",
    "dates": RULES.format(
        name="x", zones=FROM_WAN, port=1, target="ACCEPT", more="option start_date '2030'\n\toption stop_date '2020'"
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_configuration_costs_no_firewall(network: Home, broken: str) -> None:
    router = network.router
    router.reset()
    router.append(
        "firewall", BROKEN[broken] + RULES.format(name="Good", zones=FROM_WAN, port=1001, target="ACCEPT", more="")
    )
    with ExitStack() as stack:
        for port in (1001, 1002):
            stack.callback(Echo(router, port).close)
        lab = Lab(router)
        stack.callback(router.reset)
        lab.start()
        stack.callback(router.nft, "delete table inet fw4")
        assert ask(network.server, ROUTER[4], 1001)[0] == SERVER[4]
        assert ask(network.server, ROUTER[4], 1002)[0] in {"reject", "drop"}
        assert ask(network.client, "192.168.1.1", 1002)[0] == CLIENT[4]  # who manages it gets in


ACCEPTING = """
config defaults
	option input 'ACCEPT'
	option output 'ACCEPT'
	option forward 'ACCEPT'

config zone
	option name 'lan'
	list network 'lan'
	option input 'ACCEPT'
	option forward 'ACCEPT'

config zone
	option name 'wan'
	list network 'wan'
	{fault}
	option input '{policy}'
	option forward 'REJECT'

config rule
	option src 'wan'
	option dest 'lan'
	option target 'DROP'
"""


@pytest.mark.parametrize(
    ("fault", "policy"),
    [
        ("list subnet '203.0.113.0/33'", "REJECT"),
        ("option subnet 'nowhere'", "DROP"),
        ("option family 'v5'", "REJECT"),
        ("option family 'ipv6'\n\toption subnet '203.0.113.0/24'", "REJECT"),
        ("option log_limit '!1/second'", "REJECT"),
        ("", "DENY"),
    ],
)
def test_a_zone_that_cannot_be_read_opens_nothing(network: Home, fault: str, policy: str) -> None:
    router = network.router
    router.reset()
    router.write("firewall", ACCEPTING.format(fault=fault, policy=policy))
    with ExitStack() as stack:
        stack.callback(Echo(router, 1001).close)
        lab = Lab(router)
        stack.callback(router.reset)
        lab.start()
        stack.callback(router.nft, "delete table inet fw4")
        assert ask(network.server, ROUTER[4], 1001)[0] in {"reject", "drop"}
        assert ask(network.server, ROUTER[6], 1001)[0] in {"reject", "drop"}
        assert ask(network.client, "192.168.1.1", 1001)[0] == CLIENT[4]  # who manages it gets in
