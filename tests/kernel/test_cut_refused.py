"""`option cut_refused`: rules of /etc/config/firewall, and their times, end the live flows that they refuse."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from kernel.daemons import wait_until
from kernel.inside import asked
from kernel.lab import HOME, Home
from kernel.rates import noted
from kernel.resident import Resident
from kernel.steady import Steady, quiet
from kernel.traffic import Talk
from offload.nft.text import ruleset_text

Call = Callable[..., Talk]
ENOUGH = 60
SOON = 5.0  # seconds; within one on a machine that does nothing else (the figure is printed)
NEIGHBOURS = """
config rule
	option src '*'
	option proto 'icmp'
	option target 'ACCEPT'
"""
RULE = """
config rule
	option name 'New'
	option src 'lan'
	option dest 'wan'
	option family 'ipv4'
	option proto 'tcp udp'
	option dest_ip '203.0.113.1'
	option target 'REJECT'
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


def fast(home: Home, talk: Talk) -> Talk:
    """The conversation once it is on the fast path."""

    def seen() -> bool:
        talk.echo(10)
        with home.evidence.watch(talk) as found:
            talk.echo(ENOUGH)
        return found.fast(ENOUGH)

    wait_until(seen, "the fast path")
    return talk


def ended(home: Home, call: Call, talks: list[Talk], act: Callable[[], float]) -> list[float]:
    """Let others talk on while `act` refuses some; seconds from the time that it gives until each one's last answer."""
    others = [call(home.laptop, home.internet6), call(home.client, home.internet6, "udp")]
    for talk in talks:
        talk._socket.settimeout(5.0)
    with ExitStack() as stack:
        pulses = [stack.enter_context(quiet(other, pause=0.05)) for other in others]
        live = [stack.enter_context(Steady(talk, lambda each: each.echo(1))) for talk in talks]
        time.sleep(0.5)
        began = act()
        wait_until(lambda: all(each.error for each in live), "the end of all")
        time.sleep(0.5)
    assert [pulse.error for pulse in pulses] == [None] * len(others)
    assert all(pulse.times[-1] > began for pulse in pulses)
    return [max(0.0, each.times[-1] - began) for each in live]


def test_a_new_rule_ends_the_live_flows_that_it_refuses(own_firewall: Home, call: Call) -> None:
    talks = [fast(own_firewall, call(own_firewall.client, own_firewall.internet4, proto)) for proto in ("tcp", "udp")]

    def rule() -> float:
        own_firewall.router.append("firewall", RULE)
        load(own_firewall)
        return time.monotonic()

    seconds = ended(own_firewall, call, talks, rule)
    assert max(seconds) < SOON
    noted("new DROP or REJECT rule, cut_refused 1", "software", "at once", f"{max(seconds):.1f} s", "connections end")


def test_without_the_option_a_new_rule_ends_nothing(own_firewall: Home, service: Resident, call: Call) -> None:
    switch(own_firewall, service, "0")
    talk = fast(own_firewall, call(own_firewall.client, own_firewall.internet4))
    own_firewall.router.append("firewall", RULE)
    load(own_firewall)
    service.quiet()
    talk.echo(ENOUGH)
    with pytest.raises(ConnectionRefusedError):
        call(own_firewall.client, own_firewall.internet4)


def test_times_that_begin_end_the_live_flows_that_they_refuse(
    own_firewall: Home, service: Resident, call: Call
) -> None:
    begin = int(time.time()) + 12
    ends = [time.strftime("%H:%M:%S", time.localtime(each)) for each in (begin, begin + 3600)]
    times = f"\toption start_time '{ends[0]}'\n\toption stop_time '{ends[1]}'\n"
    own_firewall.router.append("firewall", RULE + times)
    load(own_firewall)
    service.quiet()
    talk = fast(own_firewall, call(own_firewall.client, own_firewall.internet4))

    def wait() -> float:
        early = begin - time.time()
        assert early > 0, "too late"
        time.sleep(early)
        return time.monotonic()

    (seconds,) = ended(own_firewall, call, [talk], wait)
    assert seconds < SOON
    noted("time window of a rule begins, cut_refused 1", "software", "at once", f"{seconds:.1f} s", "connections end")
