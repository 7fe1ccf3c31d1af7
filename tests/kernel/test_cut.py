"""Cut ends the connections that are named, on whichever path they are, and no others."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from kernel.house import House, Shape
from kernel.inside import applied, decided, observed
from kernel.sides import bridge, port
from kernel.traffic import Talk
from offload.model.flow import Tuple
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.service.bus.cut import Selection, cut
from offload.status.query import Query
from offload.system.netlink.ct.conntrack import Conntrack

# Conntrack picks up connections in their middle: a delayed ACK that comes after the cut would make the entry again.
LOOSE = "net/netfilter/nf_conntrack_tcp_loose"
# A rule that came later: new connections of lan are refused, established ones have been accepted before it.
REFUSED = 'insert rule inet fw4 forward iifname "br-lan" ct state new meta l4proto tcp reject with tcp reset'


@pytest.fixture(scope="module")
def seen(house: House) -> Iterator[tuple[Snapshot, Plan]]:
    sides = {"lan": bridge(port("lan1")), "iot": bridge(port("lan2"), name="br-iot"), "wan": port("wan")}
    with house.shaped(Shape(sides)):
        decision = decided(house.router, observed(house.router))
        applied(house.router, decision)
        yield decision.snapshot, decision.plan


@pytest.fixture
def talks(house: House, seen: tuple[Snapshot, Plan]) -> dict[str, Talk]:  # noqa: ARG001  # it builds the house
    house.router.run("conntrack", "-F")
    return {
        "out": house.call("lan", "wan"),
        "out6": house.call("lan", "wan", 6, "udp"),
        "in": house.call("wan", "lan"),
        "iot": house.call("iot", "wan"),
    }


def original(talk: Talk) -> Tuple:
    """The conversation as conntrack names it."""
    (near, sport), (far, dport, *_) = talk.near, talk._socket.getpeername()
    return Tuple(near.packed, ip_address(far).packed, sport, dport)


@pytest.fixture
def strict(house: House, seen: tuple[Snapshot, Plan]) -> Iterator[None]:  # noqa: ARG001  # it builds the house
    """A router that makes no entry for a packet from the middle of a connection."""
    house.router.sysctl({LOOSE: 0})
    yield
    house.router.sysctl({LOOSE: 1})


def alive(house: House, tuples: dict[str, Tuple]) -> set[str]:
    """Those that conntrack has."""
    with house.router.entered():
        held = {entry.original for entry in Conntrack().entries()}
    return {name for name, original in tuples.items() if original in held}


ZONED = """
table inet zoned {
	chain prerouting {
		type filter hook prerouting priority raw; policy accept;
		iifname != "lo" ct zone set 7
	}
}
"""


@pytest.mark.usefixtures("strict")
def test_connections_in_a_conntrack_zone_are_ended(house: House, seen: tuple[Snapshot, Plan]) -> None:
    house.router.run("conntrack", "-F")
    house.router.nft(ZONED)
    talks = {"tcp": house.call("lan", "wan"), "udp": house.call("lan", "wan", 6, "udp")}
    with house.router.entered():
        assert {entry.original.ct_zone for entry in Conntrack().entries()} == {7}
        done = cut(Selection(Query.of({"zone": "lan"})), *seen, Conntrack())
        left = Conntrack().entries()
    house.router.nft("delete table inet zoned")
    assert (done.asked, done.ended, done.error) == (len(talks), len(talks), "")
    assert left == []


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("selection", "ended"),
    [
        (Selection(query=Query.of({"zone": "lan"})), {"out", "out6", "in"}),
        (Selection(query=Query.of({"zone": "iot"})), {"iot"}),
        (Selection(query=Query.of({"host": "192.168.1.2"})), {"out", "in"}),
        (Selection(query=Query.of({"zone": "lan", "host": "2001:db8:1::/64"})), {"out6"}),
    ],
    ids=["zone", "other-zone", "host", "zone-and-network"],
)
def test_a_selection_ends_what_it_names(
    house: House, seen: tuple[Snapshot, Plan], talks: dict[str, Talk], selection: Selection, ended: set[str]
) -> None:
    tuples = {name: original(talk) for name, talk in talks.items()}
    assert alive(house, tuples) == set(talks)
    with house.router.entered():
        done = cut(selection, *seen, Conntrack())
    assert (done.asked, done.ended, done.error) == (len(ended), len(ended), "")
    assert alive(house, tuples) == set(talks) - ended


def test_one_connection_must_ask_the_firewall_anew(
    house: House, seen: tuple[Snapshot, Plan], talks: dict[str, Talk]
) -> None:
    house.router.nft(REFUSED)
    talks["out"].echo(10)  # the new rule does not see packets on the fast path
    with house.router.entered():
        cut(Selection(tuples=frozenset({original(talks["out"])})), *seen, Conntrack())
    with pytest.raises(ConnectionResetError):
        talks["out"].echo(1)
    for name in ("out6", "in", "iot"):
        talks[name].echo(10)
