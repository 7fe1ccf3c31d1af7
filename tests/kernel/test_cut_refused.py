"""`option cut_refused`: rules of /etc/config/firewall, and their times, end the live flows that they refuse."""

import time
from collections.abc import Iterator

import pytest

from kernel.inside import asked
from kernel.lab import HOME, Home
from kernel.rates import noted
from kernel.refusals import EARLY, ENOUGH, RULE, Call, at_a_time, ended, fast, until
from kernel.resident import Resident
from offload.nft.text import ruleset_text

NEIGHBOURS = """
config rule
	option src '*'
	option proto 'icmp'
	option target 'ACCEPT'
"""


@pytest.fixture(name="own_firewall")
def _own_firewall(home: Home, service: Resident) -> Iterator[Home]:
    """The router with a firewall made of its configuration, and the option on."""
    home.router.reset()
    home.router.append("firewall", NEIGHBOURS)
    switch(home, service, "1")
    load(home)
    service.quiet()
    yield home
    home.router.reset()
    home.router.nft("delete table inet fw4\n" + (HOME / "firewall.nft").read_text())
    service.as_shipped()


def switch(home: Home, service: Resident, value: str) -> None:
    home.router.uci("offload", "globals", "cut_refused", value)
    assert service.call("reload")["ok"]


def load(home: Home) -> None:
    """Load the firewall of /etc/config/firewall, in one transaction, as fw4 does."""
    home.router.nft(ruleset_text(asked(home.router).ruleset))


def test_a_new_rule_ends_the_live_flows_that_it_refuses(own_firewall: Home, call: Call) -> None:
    talks = [fast(own_firewall, call(own_firewall.client, own_firewall.internet4, proto)) for proto in ("tcp", "udp")]

    def rule() -> float:
        own_firewall.router.append("firewall", RULE)
        load(own_firewall)
        return time.monotonic()

    seconds = ended(own_firewall, call, talks, rule)
    noted("new DROP or REJECT rule, cut_refused 1", "software", "at once", f"{max(seconds):.1f} s", "connections end")


def restart(home: Home) -> None:
    """Delete the table and load it, as `fw4 restart` does, in one transaction: the service sees only the result."""
    home.router.nft("delete table inet fw4\n" + ruleset_text(asked(home.router).ruleset))


def test_a_restart_of_fw4_ends_them_too(own_firewall: Home, service: Resident, call: Call) -> None:
    """The rules of a new table have the handles that those of the deleted one had."""
    restart(own_firewall)
    service.quiet()
    talk = fast(own_firewall, call(own_firewall.client, own_firewall.internet4))

    def rule() -> float:
        own_firewall.router.append("firewall", RULE)
        restart(own_firewall)
        return time.monotonic()

    ended(own_firewall, call, [talk], rule)


def test_without_the_option_a_new_rule_ends_nothing(own_firewall: Home, service: Resident, call: Call) -> None:
    switch(own_firewall, service, "0")
    talk = fast(own_firewall, call(own_firewall.client, own_firewall.internet4))
    own_firewall.router.append("firewall", RULE)
    load(own_firewall)
    service.quiet()
    talk.echo(ENOUGH)
    with pytest.raises(ConnectionRefusedError):
        call(own_firewall.client, own_firewall.internet4)


def test_times_that_begin_or_end_end_the_live_flows_that_are_refused_then(
    own_firewall: Home, service: Resident, call: Call
) -> None:
    begin = int(time.time()) + EARLY
    own_firewall.router.append("firewall", at_a_time(begin))
    load(own_firewall)
    service.quiet()
    talks = [fast(own_firewall, call(own_firewall.client, own_firewall.internet4, proto)) for proto in ("tcp", "udp")]
    no_more, refused = ended(own_firewall, call, talks, lambda: until(begin))
    for what, seconds in (("begins", refused), ("that accepts ends", no_more)):
        row = f"time window of a rule {what}, cut_refused 1"
        noted(row, "software", "at once", f"{seconds:.1f} s", "connections end")
