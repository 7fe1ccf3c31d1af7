"""Connections that a changed firewall refuses: rules that refuse them, and how soon they end while others go on."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from kernel.daemons import wait_until
from kernel.lab import Home
from kernel.steady import SOON, Steady, lag, quiet
from kernel.traffic import Talk

Call = Callable[..., Talk]
ENOUGH = 60
EARLY = 12  # seconds before its time at which a rule is written
REFUSING = """
config rule
	option name 'New'
	option src 'lan'
	option dest 'wan'
	option family 'ipv4'
	option proto '{}'
	option dest_ip '203.0.113.1'
	option target 'REJECT'
"""
ACCEPTING = REFUSING.replace("New", "Until then").replace("REJECT", "ACCEPT")
RULE = REFUSING.format("tcp udp")


def at_a_time(moment: int) -> str:
    """Rules of which from `moment` on one accepts TCP no more, and another refuses UDP; seconds since 1970."""
    return (
        f"{ACCEPTING.format('tcp')}{_hours(moment - 3600, moment - 1)}"
        f"{REFUSING.format('tcp')}{REFUSING.format('udp')}{_hours(moment, moment + 3600)}"
    )


def _hours(begin: int, end: int) -> str:
    clocks = [time.strftime("%H:%M:%S", time.localtime(each)) for each in (begin, end)]
    return f"\toption start_time '{clocks[0]}'\n\toption stop_time '{clocks[1]}'\n"


def fast(home: Home, talk: Talk) -> Talk:
    """The conversation once it is on the fast path."""

    def seen() -> bool:
        talk.echo(10)
        with home.evidence.watch(talk) as found:
            talk.echo(ENOUGH)
        return found.fast(ENOUGH)

    wait_until(seen, "the fast path")
    return talk


def ended(home: Home, call: Call, talks: Sequence[Talk], act: Callable[[], float]) -> list[float]:
    """Let others talk on while `act` refuses some; seconds from the time that it gives until each one's last answer.

    They end soon: what this machine held the others up for is no part of it.
    """
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
    found = [max(0.0, each.times[-1] - began) for each in live]
    assert max(found) < SOON + lag(pulses), (found, lag(pulses))
    return found


def until(moment: int) -> float:
    """Wait for a time in seconds since 1970; the monotonic clock then."""
    early = moment - time.time()
    assert early > 0, "too late"
    time.sleep(early)
    return time.monotonic()
