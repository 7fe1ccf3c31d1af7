"""Rules and elements of sets that come while a flow is offloaded reach it, and disturb no other flow.

test_what_breaks_bans.py has the figures, also of times of day and in hardware.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from resource import RUSAGE_CHILDREN, getrusage

import pytest

from kernel.daemons import wait_until
from kernel.lab import Home
from kernel.resident import Resident
from kernel.steady import SOON, Steady, lag, quiet
from kernel.traffic import Talk
from offload.service.tasks.timed import LOOK
from offload.system.nft.door import Nft

Call = Callable[..., Talk]
ENOUGH = 60
PATIENCE = 5.0  # seconds
LONGEST = 60.0  # seconds to wait for what comes in LOOK seconds on an idle machine
BANS = """
table inet bans {
	set blocked { type ipv4_addr; flags interval; }
	chain forward {
		type filter hook forward priority -1; policy accept;
		ip daddr @blocked counter drop
		ip saddr @blocked counter drop
	}
}
"""
ADD = "add element inet bans blocked { 203.0.113.1 }"
RULE = "add rule inet bans forward ip daddr 203.0.113.1 drop"
MANY = 20_000  # addresses, as in a list of a country's networks


@pytest.fixture(name="bans", scope="module")
def _bans(home: Home, service: Resident) -> Iterator[Home]:
    home.router.nft(BANS)
    service.quiet()
    yield home
    home.router.nft("delete table inet bans")


def offloaded(home: Home, talk: Talk) -> Talk:
    """The conversation once it is on the fast path: a return for what was before may be under way."""
    wait_until(lambda: fast(home, talk), "the fast path")
    return talk


def fast(home: Home, talk: Talk) -> bool:
    talk.echo(10)
    with home.evidence.watch(talk) as seen:
        talk.echo(ENOUGH)
    return seen.fast(ENOUGH)


def stopped(home: Home, call: Call, talks: Sequence[Talk], banned: Callable[[], None]) -> None:
    """Let others talk on while something bans live flows, which get their last answers soon after."""
    others = [
        call(home.laptop, home.internet6),
        call(home.client, home.internet6, "udp"),
        call(home.laptop, home.internet6, "udp"),
    ]
    for talk in talks:
        talk._socket.settimeout(PATIENCE)  # a datagram, or a segment, that is not answered by then was dropped
    with ExitStack() as stack:
        pulses = [stack.enter_context(quiet(other, pause=0.05)) for other in others]
        live = [stack.enter_context(Steady(talk, lambda each: each.echo(1))) for talk in talks]
        time.sleep(0.5)
        banned()
        began = time.monotonic()
        wait_until(lambda: all(each.error for each in live), "the end of all")
        time.sleep(0.5)
    assert [pulse.error for pulse in pulses] == [None] * len(others)
    assert all(pulse.times[-1] > began for pulse in pulses)
    found = [max(0.0, each.times[-1] - began) for each in live]
    assert max(found) < SOON + lag(pulses), (found, lag(pulses))


# Returns are rate-limited: all of these tests together cause as many as a minute allows.
@pytest.mark.parametrize("text", [ADD, RULE], ids=["element", "rule"])
def test_a_ban_reaches_live_flows(bans: Home, call: Call, text: str) -> None:
    talks = [offloaded(bans, call(bans.client, bans.internet4, proto)) for proto in ("tcp", "udp")]
    stopped(bans, call, talks, lambda: bans.router.nft(text))
    if text == ADD:
        bans.router.nft("flush set inet bans blocked")


def test_a_clock_that_is_set_begins_a_time(bans: Home, service: Resident, call: Call) -> None:
    """Routers without a clock of their own start with a wrong time, until NTP sets it."""
    begins, ends = (time.strftime("%H:%M:%S", time.localtime(time.time() + hours * 3600)) for hours in (2, 4))
    rule = f'add rule inet bans forward meta hour "{begins}"-"{ends}" ip daddr 203.0.113.1 drop'
    bans.router.nft(f"flush chain inet bans forward\n{rule}")  # what was banned before may talk again
    talk = offloaded(bans, call(bans.client, bans.internet4, "udp"))
    talk._socket.settimeout(PATIENCE)
    service.quiet()
    offloaded(bans, talk)  # also after the return for the new rule
    other = call(bans.client, bans.internet6, "udp")
    with quiet(other, pause=0.05) as pulse, Steady(talk, lambda each: each.echo(1)) as live:
        began = time.monotonic()
        time.clock_settime(time.CLOCK_REALTIME, time.time() + 3 * 3600)
        try:
            assert live.ended(LONGEST)
        finally:
            time.clock_settime(time.CLOCK_REALTIME, time.time() - 3 * 3600)
    assert pulse.error is None
    assert live.times[-1] - began < LOOK + SOON + lag([pulse]), (live.times[-1] - began, lag([pulse]))


def cost(run: Callable[[], object]) -> float:
    """Seconds of processor time that the programs take which `run` starts: other work of the machine does not count."""
    before = getrusage(RUSAGE_CHILDREN)
    run()
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_probe_lists_no_elements_of_other_programs(home: Home) -> None:
    addresses = ", ".join(f"198.{18 + each // 65536}.{each // 256 % 256}.{each % 256}" for each in range(MANY))
    home.router.nft(f"table inet country {{\n\tset whole {{ type ipv4_addr; elements = {{ {addresses} }}\n\t}}\n}}\n")
    with home.router.entered():
        taken = cost(lambda: Nft().lists())
    listing = cost(lambda: home.router.run("nft", "-j", "list", "set", "inet", "country", "whole"))
    assert taken < listing / 2
    home.router.nft("delete table inet country")
