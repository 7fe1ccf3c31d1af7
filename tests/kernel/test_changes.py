"""Changes of a router with traffic: flows that a change concerns leave the fast path, and no others do."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from kernel.lab import Home
from kernel.netns import Namespace, cable
from kernel.steady import quiet
from kernel.traffic import Talk

Call = Callable[..., Talk]
ENOUGH = 100
ROUND = 0.4  # seconds that a round of the bystanders takes at most on average: their pause is an eighth of it
LONGEST_GAP = 5.0  # seconds; the product runs on the same two slow processors, and the host may be busy
# A zone with a device of its own, which no network of netifd knows.
LAB = """
config zone
	option name 'lab'
	list device 'lab0'

config forwarding
	option src 'lab'
	option dest 'wan'
"""


@pytest.fixture(autouse=True)
def _as_shipped(home: Home) -> None:
    home.router.reset()
    home.router.offload("apply")


def fast(home: Home, talk: Talk) -> bool:
    talk.echo(10)
    with home.evidence.watch(talk) as seen:
        talk.echo(ENOUGH)
    return seen.fast(ENOUGH)


def slow(home: Home, talk: Talk) -> bool:
    talk.echo(10)
    with home.evidence.watch(talk) as seen:
        talk.echo(ENOUGH)
    return seen.all_slow()


def test_a_mode_change_under_load_moves_that_zone_and_disturbs_no_other(home: Home, call: Call) -> None:
    lan, guest = call(home.client, home.internet4), call(home.guest, home.internet4)
    bystanders = [
        call(home.laptop, home.internet6),
        call(home.client, home.internet4, "udp"),
        call(home.server, home.camera),
        call(home.guest, home.internet6, "udp"),
    ]
    began = time.monotonic()
    with ExitStack() as stack:
        pulses = [stack.enter_context(quiet(talk, pause=0.05)) for talk in bystanders]
        assert fast(home, lan) and slow(home, guest)
        home.router.uci("offload", "guest", "mode", "software")
        home.router.offload("apply")
        assert fast(home, lan) and fast(home, guest)
        home.router.uci("offload", "guest", "mode", "none")
        home.router.append("offload", "config zone\n option name 'lan'\n option mode 'none'\n")
        home.router.offload("apply")
        assert slow(home, call(home.client, home.internet4)) and slow(home, call(home.guest, home.internet4))
    seconds = time.monotonic() - began
    assert [pulse.error for pulse in pulses] == [None] * len(pulses)
    assert min(len(pulse.times) for pulse in pulses) > seconds / ROUND
    assert max(pulse.longest for pulse in pulses) < LONGEST_GAP


def test_a_second_apply_sends_nothing(home: Home) -> None:
    before = home.router.generation(), home.router.table()
    done = home.router.product.start("apply")
    assert (done.code, done.err) == (0, "")
    assert (home.router.generation(), home.router.table()) == before


def test_a_dry_run_sends_nothing(home: Home) -> None:
    home.router.uci("offload", "guest", "mode", "software")
    before = home.router.generation()
    assert '"br-guest" . "wan"' in home.router.offload("apply", "--dry-run")
    assert home.router.generation() == before


def test_a_missing_device_costs_only_itself_and_is_taken_up_when_it_comes(home: Home, call: Call) -> None:
    router = home.router
    router.append("firewall", LAB)
    router.offload("apply")
    device = next(each for each in router.status()["devices"] if each["name"] == "lab0")
    assert [reason["code"] for reason in device["reasons"]] == ["LINK_MISSING"]
    assert fast(home, call(home.client, home.internet4))
    lab = Namespace("lab")
    try:
        cable(router, "lab0", lab, "eth0")
        router.ip("addr add 192.168.9.1/24 dev lab0")
        router.nft('insert rule inet fw4 forward iifname "lab0" accept')
        lab.ip("addr add 192.168.9.2/24 dev eth0", "route add default via 192.168.9.1")
        assert slow(home, call(lab, home.internet4))
        router.offload("apply")
        assert fast(home, call(lab, home.internet4))
    finally:
        lab.delete()


def test_a_failed_transaction_leaves_the_last_good_state(home: Home, call: Call, tmp_path: Path) -> None:
    """A device vanishes between snapshot and transaction: nft refuses all of it, and the router is read again."""
    router = home.router
    router.ip("link add lab0 type dummy")
    router.append("firewall", LAB)
    talk = call(home.client, home.internet4)
    assert fast(home, talk)
    before = router.table()
    wrapper = tmp_path / "nft"
    wrapper.write_text('#!/bin/sh\n[ "$1" != -f ] || ip link del lab0\nexec /usr/sbin/nft "$@"\n')
    wrapper.chmod(0o755)
    assert router.offload("apply", path=str(tmp_path)).startswith("Nothing to do")
    assert router.table() == before
    assert fast(home, talk)


def test_family_and_after_packets_are_respected(home: Home, call: Call) -> None:
    home.router.uci("offload", "globals", "family", "ipv4")
    home.router.uci("offload", "globals", "after_packets", "20")
    home.router.offload("apply")
    assert slow(home, call(home.client, home.internet6))
    talk = call(home.client, home.internet4, "udp")
    talk.echo(50)
    assert home.evidence.slow(talk).original == 20
    assert fast(home, talk)


def test_switching_off_removes_all_tables_and_connections_live(home: Home, call: Call) -> None:
    talk = call(home.client, home.internet4)
    assert fast(home, talk)
    home.router.uci("offload", "globals", "enabled", "0")
    home.router.offload("apply")
    assert home.router.table() == ""
    assert slow(home, talk)


def test_a_pair_without_flows_goes_and_no_other_flow_takes_a_slow_packet(home: Home, call: Call) -> None:
    """Its device leaves the flowtable too; a pair that has flows takes them back to the slow path."""
    router = home.router
    router.uci("offload", "guest", "mode", "software")
    router.offload("apply")
    assert '"br-guest"' in router.table()
    bystanders = [call(home.client, home.internet4), call(home.laptop, home.internet6, "udp")]
    assert all(fast(home, talk) for talk in bystanders)
    with ExitStack() as stack:
        watched = [stack.enter_context(home.evidence.watch(talk)) for talk in bystanders]
        for talk in bystanders:
            talk.echo(ENOUGH)
        router.uci("offload", "guest", "mode", "none")
        router.offload("apply")
        for talk in bystanders:
            talk.echo(ENOUGH)
    assert all(seen.fast(2 * ENOUGH) for seen in watched)
    assert '"br-guest"' not in router.run("nft", "list", "flowtables", "inet")
    assert slow(home, call(home.guest, home.internet4))
    assert all(fast(home, talk) for talk in bystanders)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_pair_that_goes_takes_its_offloaded_flows_along(home: Home, call: Call, protocol: str) -> None:
    router = home.router
    router.uci("offload", "guest", "mode", "software")
    router.offload("apply")
    guest, lan = call(home.guest, home.internet4, protocol), call(home.client, home.internet4, protocol)
    assert fast(home, guest) and fast(home, lan)
    router.uci("offload", "guest", "mode", "none")
    router.offload("apply")
    assert slow(home, guest) and fast(home, lan)


def exempted(address: str) -> str:
    return f"config exempt\n list dest_ip '{address}'\n"


def test_an_exempt_that_no_flow_matches_costs_no_flow_a_slow_packet(home: Home, call: Call) -> None:
    """By an address, then by a network around it and another, with the address gone."""
    router = home.router
    talks = [call(home.client, home.internet4), call(home.laptop, home.internet6, "udp")]
    assert all(fast(home, talk) for talk in talks)
    before = (router.config / "offload").read_text()
    with ExitStack() as stack:
        watched = [stack.enter_context(home.evidence.watch(talk)) for talk in talks]
        for given in ((), ("192.0.2.9",), ("192.0.2.0/25", "192.0.2.128/26"), ("192.0.2.0/24", "192.0.2.9")):
            (router.config / "offload").write_text(before + "".join(f"\n{exempted(each)}" for each in given))
            router.offload("apply")
            assert all(each in router.table() for each in given if each != "192.0.2.0/24")
            for talk in talks:
                talk.echo(ENOUGH)
        assert router.product.start("apply").out.startswith("Nothing to do")
    assert all(seen.fast(4 * ENOUGH) for seen in watched)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_an_exempt_takes_the_offloaded_flow_that_it_matches(home: Home, call: Call, protocol: str) -> None:
    router = home.router
    talk, other = call(home.client, home.internet4, protocol), call(home.laptop, home.internet6, protocol)
    assert fast(home, talk) and fast(home, other)
    router.append("offload", exempted(str(home.internet4.address)))
    router.offload("apply")
    assert slow(home, talk) and fast(home, other)
