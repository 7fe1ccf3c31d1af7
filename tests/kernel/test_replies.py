"""Replies that a firewall drops stay dropped: nothing is offloaded before a reply was accepted by every chain."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from kernel.forbidden import PLACES, ROUNDS, answered, apply, blocker, dropping, forged, permit
from kernel.house import House, Shape
from kernel.inside import applied, decided, observed
from kernel.resident import SOAK
from kernel.sides import bridge, port
from kernel.traffic import Proto, Talk
from offload.system.netlink.ct.conntrack import Conntrack


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        yield house


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("place", PLACES)
def test_replies_that_are_dropped_stay_dropped(built: House, place: str, version: int) -> None:
    with dropping(built, place):
        talk = Talk(built.hosts["lan"], built.target("wan", version), "udp")
        with closing(talk):
            assert answered(talk) == 0


@pytest.mark.parametrize("place", PLACES)
def test_a_client_that_acknowledges_packets_it_never_received(built: House, place: str) -> None:
    with dropping(built, place):
        assert forged(built) == 0


def test_such_a_client_is_answered_where_nothing_is_dropped(built: House) -> None:
    """Without the drop the attack works; otherwise the test above would prove nothing."""
    apply(built)
    assert forged(built) == ROUNDS * 100


def test_a_client_that_was_answered_before_the_drop_and_uses_the_same_ports(built: House) -> None:
    apply(built)
    assert forged(built) == ROUNDS * 100
    built.router.run("conntrack", "-F")
    built.router.nft(PLACES["fw4"][0])
    assert forged(built) == 0
    permit(built)


ESTABLISHED = """table inet blocker {
	chain forward {
		type filter hook forward priority 500;
		meta l4proto udp ct state established ct direction original drop
	}
}"""


def test_originals_that_a_chain_behind_ours_drops_stay_dropped(built: House) -> None:
    """Such a chain has to accept the original packet too before its flow is offloaded, not only a reply."""
    built.router.nft(ESTABLISHED)
    apply(built)
    with closing(Talk(built.hosts["lan"], built.target("wan"), "udp")) as talk:
        assert answered(talk, 1) == 1
        through = answered(talk)
    built.router.nft("delete table inet blocker")
    apply(built)
    assert through == 0


LARGE = 500  # bytes of a message whose echo the firewall drops
DROP_LARGE = f'insert rule inet fw4 forward iifname "wan" meta length > {LARGE} drop comment "dropped"'
WITNESSED = 20  # rounds in which conntrack(8) is asked for the ids


# A chain that translates an address ends the walk through chains of type nat: here one before fw4's
EARLY = 'table ip early {{ chain c {{ type nat hook postrouting priority {}; oifname "wan" masquerade; }}; }}'


@pytest.mark.parametrize(("version", "early"), [(4, 0), (4, -198), (6, 0)])
def test_a_connection_that_is_cut_and_opened_again_needs_a_reply_of_its_own(
    built: House, version: int, early: int
) -> None:
    """Conntrack may give the id of an ended connection to the next one with the same tuple, and often does.

    IPv6 is not translated.
    """
    apply(built)
    built.router.nft(DROP_LARGE)
    built.router.nft(EARLY.format(early))
    through, ids = 0, set[str]()
    with closing(Talk(built.hosts["lan"], built.target("wan", version), "udp")) as talk:
        for number in range(100 * SOAK):
            talk.echo(1)
            ids |= {identity(built, talk)} if number < WITNESSED else set()
            cut(built, talk)
            through += answered(talk, 3, LARGE, pause=0.01)
            ids |= {identity(built, talk)} if number < WITNESSED else set()
            cut(built, talk)
    permit(built)
    built.router.nft("delete table ip early")
    assert len(ids) < 2 * WITNESSED, "no id came again, so this has shown nothing"
    assert through == 0


def identity(lab: House, talk: Talk) -> str:
    """The id of a conversation in conntrack."""
    family = ("-f", "ipv6") if talk.near[0].version == 6 else ()
    listing = lab.router.run("conntrack", "-L", *family, "-p", "udp", "--sport", str(talk.near[1]), "-o", "id")
    return listing.partition(" id=")[2].split()[0]


def cut(lab: House, talk: Talk) -> None:
    """End a conversation in conntrack."""
    with lab.router.entered():
        conntrack = Conntrack()
        done = conntrack.delete(entry for entry in conntrack.entries() if entry.original.sport == talk.near[1])
    assert (done.ended, done.error) == (1, "")


def remembered(lab: House) -> int:
    """Connections that the software table remembers."""
    listing = lab.router.run("nft", "list", "table", "inet", "flow_offload")
    return listing.count(" expires ")


def test_the_router_s_own_traffic_is_not_remembered(built: House) -> None:
    applied(built.router, decided(built.router, observed(built.router)), ("flow_offload",))
    for version in (4, 6):
        for proto in ("tcp", "udp"):
            with closing(Talk(built.router, built.target("wan", version), proto)) as talk:
                talk.echo(5)
    assert remembered(built) == 0
    built.call("lan", "wan").close()
    assert remembered(built) == 1


def test_live_connections_are_offloaded_after_a_return_and_where_a_table_is_new(built: House) -> None:
    built.router.nft("table inet flow_offload\ndelete table inet flow_offload")
    kinds: list[tuple[int, Proto]] = [(4, "tcp"), (4, "udp"), (6, "tcp"), (6, "udp")]
    talks = [built.call("lan", "wan", version, proto) for version, proto in kinds]
    decision = decided(built.router, observed(built.router))
    for forced in ((), ("flow_offload",)):
        assert applied(built.router, decision, forced).changes == 1
        for talk in talks:
            talk.echo(3)
        assert all(seen.fast(ROUNDS) for seen in built.watch(talks, ROUNDS))


def test_a_full_memory_slows_connections_and_is_counted(built: House) -> None:
    decision = decided(built.router, observed(built.router))
    (table,) = decision.plan.tables
    small = replace(decision, plan=replace(decision.plan, tables=(replace(table, remembered=1),)))
    applied(built.router, small, (table.name,))
    first, second = built.call("lan", "wan"), built.call("lan", "wan")
    seen = built.watch([first, second], ROUNDS)
    assert seen[0].fast(ROUNDS) and min(seen[1].slow) >= ROUNDS
    assert observed(built.router).missed["flow_offload"] >= ROUNDS
    apply(built)
    second.echo(3)
    assert built.watch([second], ROUNDS)[0].fast(ROUNDS)
    assert observed(built.router).missed == {}


def test_a_chain_behind_ours_that_comes_and_goes_is_followed(built: House) -> None:
    apply(built)
    for text, priority in ((blocker(500, "ip"), "2147483647"), ("delete table ip blocker", "filter + 10")):
        built.router.nft(text)
        decision = decided(built.router, observed(built.router))
        assert applied(built.router, decision).returned == ("flow_offload",)
        assert applied(built.router, decision).changes == 0
        assert f"hook forward priority {priority};" in built.router.table()
