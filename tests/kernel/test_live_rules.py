"""Rules, elements of sets and times of day that come while a flow is offloaded reach it, and hurt nobody else."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from kernel.lab import Home
from kernel.rates import noted
from kernel.resident import Resident
from kernel.steady import Steady, quiet
from kernel.traffic import Proto, Talk

Call = Callable[..., Talk]
ENOUGH = 60
SOON = 5.0  # seconds; within one on a machine that does nothing else (the figure is printed)
OTHERS = 3
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


@pytest.fixture(name="bans")
def _bans(home: Home, service: Resident) -> Iterator[Home]:
    home.router.nft(BANS)
    service.quiet()
    yield home
    home.router.nft("delete table inet bans")


def offloaded(home: Home, talk: Talk) -> Talk:
    talk.echo(10)
    with home.evidence.watch(talk) as seen:
        talk.echo(ENOUGH)
    assert seen.fast(ENOUGH)
    return talk


def stopped(home: Home, call: Call, talk: Talk, banned: Callable[[], None], longest: float) -> float:
    """Let others talk on while something bans a live flow; seconds from then until its last answer."""
    others = [
        call(home.laptop, home.internet6),
        call(home.client, home.internet6, "udp"),
        call(home.server, home.camera),
    ]
    talk._socket.settimeout(longest)  # a datagram, or a segment, that is not answered by then was dropped
    with ExitStack() as stack:
        pulses = [stack.enter_context(quiet(other, pause=0.05)) for other in others]
        steady = stack.enter_context(Steady(talk, lambda each: each.echo(1)))
        time.sleep(0.5)
        banned()
        began = time.monotonic()
        while steady.error is None:
            assert time.monotonic() - began < longest + SOON, "it goes on"
            time.sleep(0.05)
        time.sleep(0.5)
    assert [pulse.error for pulse in pulses] == [None] * OTHERS
    assert all(pulse.times[-1] > began for pulse in pulses)
    return max(0.0, steady.times[-1] - began)


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize("text", [ADD, RULE], ids=["element", "rule"])
def test_a_ban_reaches_a_live_flow(bans: Home, call: Call, text: str, proto: Proto) -> None:
    talk = offloaded(bans, call(bans.client, bans.internet4, proto))
    seconds = stopped(bans, call, talk, lambda: bans.router.nft(text), SOON)
    print(f"\n{text}, {proto}: {seconds:.2f} s until its last packet")
    assert seconds < SOON
    what = "element of a set" if text == ADD else "rule"
    noted(f"{what} that bans a live {proto} flow", "software", "at once", f"{seconds:.1f} s", "the tables are returned")


def test_a_rule_with_a_time_reaches_a_live_flow_when_its_time_comes(bans: Home, call: Call) -> None:
    talk = offloaded(bans, call(bans.client, bans.internet4))
    begin = int(time.time()) + 4
    ends = [time.strftime("%H:%M:%S", time.localtime(each % 86_400)) for each in (begin, begin + 3600)]
    bans.router.nft(f'add rule inet bans forward meta hour "{ends[0]}"-"{ends[1]}" ip daddr 203.0.113.1 drop')
    before = stopped(bans, call, talk, lambda: time.sleep(max(0.0, begin - time.time())), 2 * SOON)
    assert before < SOON
    noted(
        "time window that begins while a flow runs", "software", "at once", f"{before:.1f} s", "the tables are returned"
    )
