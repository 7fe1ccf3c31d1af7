"""Replies that a firewall drops stay dropped: nothing is offloaded before a reply was accepted by every chain."""

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import pytest

from kernel.forgery import ACK, PSH, SYN, Forger, Segment, silent
from kernel.house import House, Shape
from kernel.inside import applied, decided, observed
from kernel.resident import SOAK
from kernel.sides import bridge, port
from kernel.traffic import MOST_UDP, PORT, Proto, Talk
from offload.system.netlink.conntrack import Conntrack

ROUNDS = 20
CLOSED = 7008  # where no kernel answers a SYN by itself
REPLIES = f'iifname "wan" oifname "br-lan" meta l4proto {{ tcp, udp }} th sport {{ {PORT}, {CLOSED} }} drop'
BLOCKER = """table {family} blocker {{
	chain forward {{
		type filter hook forward priority {priority};
		{rule}
	}}
}}
"""


def blocker(priority: int, *families: str) -> str:
    """A table of its own, as another package or a user would load it."""
    return "".join(BLOCKER.format(family=each, priority=priority, rule=REPLIES) for each in families)


# Where the drop stands: what is loaded, and in which families there is a table to be taken away.
PLACES = {
    "fw4": (f'insert rule inet fw4 forward {REPLIES} comment "dropped"', ()),
    "another-table": (blocker(-1, "inet"), ("inet",)),
    "behind-ours": (blocker(500, "inet"), ("inet",)),
    "at-our-priority": (blocker(10, "inet"), ("inet",)),
    "behind-ours-of-one-family": (blocker(200, "ip", "ip6"), ("ip", "ip6")),
}


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        yield house


@contextmanager
def dropping(lab: House, place: str) -> Iterator[None]:
    """The firewall drops replies at this place, and the product has seen it."""
    text, families = PLACES[place]
    lab.router.nft(text)
    try:
        apply(lab)
        yield
    finally:
        for family in families:
            lab.router.nft(f"delete table {family} blocker")
        permit(lab)
        apply(lab)


def permit(lab: House) -> None:
    """Take the drops out of the firewall."""
    for handle in re.findall(r'comment "dropped" # handle (\d+)', lab.router.run("nft", "-a", "list", "ruleset")):
        lab.router.nft(f"delete rule inet fw4 forward handle {handle}")
    lab.router.run("conntrack", "-F")


def apply(lab: House) -> None:
    applied(lab.router, decided(lab.router, observed(lab.router)))


def answered(talk: Talk, count: int = ROUNDS, size: int = 100, pause: float = 0.2) -> int:
    """Send datagrams and count the echoes that come back, the last of them within `pause` seconds."""
    for _ in range(count):
        talk.say(1, size)
        time.sleep(pause / 10)
    time.sleep(pause)
    found, patience = 0, talk._socket.gettimeout()
    talk._socket.setblocking(False)
    with suppress(BlockingIOError):
        while talk._socket.recv(MOST_UDP):
            found += 1
    talk._socket.settimeout(patience)
    return found


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("place", PLACES)
def test_replies_that_are_dropped_stay_dropped(built: House, place: str, version: int) -> None:
    with dropping(built, place):
        talk = Talk(built.hosts["lan"], built.target("wan", version), "udp")
        with closing(talk):
            assert answered(talk) == 0


def forged(lab: House) -> int:
    """Bytes that reach a client which acknowledges a SYN-ACK whether it heard it or not."""
    client, server = lab.hosts["lan"], lab.hosts["wan"]
    near, far, public = ("192.168.1.2", 40123), ("203.0.113.2", CLOSED), ("203.0.113.1", 40123)
    with (
        silent(client, server),
        Forger(client, near, far) as caller,
        Forger(server, far, public) as called,
    ):
        caller.send(Segment(1000, 0, SYN))
        caller.received()
        called.send(Segment(5000, 1001, SYN | ACK))
        caller.received()
        for _ in range(3):
            caller.send(Segment(1001, 5001, ACK))
        caller.received()
        for number in range(ROUNDS):
            called.send(Segment(5001 + 100 * number, 1001, ACK | PSH, 100))
        return caller.received()


@pytest.mark.parametrize("place", PLACES)
def test_a_client_that_acknowledges_what_it_never_heard(built: House, place: str) -> None:
    with dropping(built, place):
        assert forged(built) == 0


def test_such_a_client_is_heard_where_nothing_is_dropped(built: House) -> None:
    """Or the test above would prove nothing."""
    apply(built)
    assert forged(built) == ROUNDS * 100


LARGE = 500  # bytes of a message whose echo the firewall drops
DROP_LARGE = f'insert rule inet fw4 forward iifname "wan" meta length > {LARGE} drop comment "dropped"'
WITNESSED = 20  # rounds in which conntrack(8) is asked for the ids


def test_a_connection_that_is_cut_and_opened_again_needs_a_reply_of_its_own(built: House) -> None:
    """Conntrack may give the id of an ended connection to the next one with the same tuple, and often does."""
    apply(built)
    built.router.nft(DROP_LARGE)
    through, ids = 0, set[str]()
    with closing(Talk(built.hosts["lan"], built.target("wan"), "udp")) as talk:
        for number in range(100 * SOAK):
            talk.echo(1)
            ids |= {identity(built, talk)} if number < WITNESSED else set()
            cut(built, talk)
            through += answered(talk, 3, LARGE, pause=0.01)
            ids |= {identity(built, talk)} if number < WITNESSED else set()
            cut(built, talk)
    permit(built)
    assert len(ids) < 2 * WITNESSED, "no id came again, so this has shown nothing"
    assert through == 0


def identity(lab: House, talk: Talk) -> str:
    """The id of a conversation in conntrack."""
    listing = lab.router.run("conntrack", "-L", "-p", "udp", "--sport", str(talk.near[1]), "-o", "id")
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
    for text, hooks in ((blocker(500, "ip"), 2), ("delete table ip blocker", 1)):
        built.router.nft(text)
        decision = decided(built.router, observed(built.router))
        assert applied(built.router, decision).returned == ("flow_offload",)
        assert applied(built.router, decision).changes == 0
        assert built.router.table().count("hook forward") == hooks
