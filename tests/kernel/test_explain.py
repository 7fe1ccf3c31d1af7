"""Explanations of live connections: what the kernel is asked about one, and the Reason that it gets."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from time import monotonic

import pytest

from kernel.forbidden import apply, dropping
from kernel.house import House, Shape
from kernel.inside import choose, decided, observed
from kernel.local import named
from kernel.scenes import WHY, Explained, explained, shows
from kernel.sides import bridge, port
from kernel.traffic import Talk
from offload.service.bus.explaining import accepted, asking
from offload.service.bus.explaining.accepted import AcceptedReplies
from offload.service.bus.explaining.explanations import answer
from offload.service.doors import Doors
from offload.service.read_snapshot import with_routes
from offload.status.listing import Explainer, Listing
from offload.status.query import Query
from offload.status.shares import ShareCount
from offload.status.why.connection import asked
from offload.system.config.uci import Uci
from offload.system.files.private_file import FakePrivateFile
from offload.system.netlink.ct.conntrack import Conntrack
from offload.system.netlink.ct.ctrequest import FILTERED, of_host
from offload.system.netlink.route.links import Netlink
from offload.system.nft.door import Nft
from offload.system.ubus.client import FakeUbusClient

SILENT = 7009  # a port of the server that answers nothing


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        apply(house)
        yield house


def explanation(lab: House, talk: Talk) -> Explained:
    """The explanation of a conversation by what is in the kernel now."""
    decision = decided(lab.router, observed(lab.router))
    with lab.router.entered():
        doors = Doors(
            Uci(lab.router.config),
            Nft(),
            FakeUbusClient({}),
            Netlink(),
            Conntrack(),
            lambda: decision.snapshot.kernel,
            monotonic,
            FakePrivateFile(),
        )
        meant = asked(named(talk))
        assert meant.entry is not None
        reply = answer(
            meant,
            doors.conntrack.find(meant.entry.proto, meant.entry.original),
            with_routes(decision.snapshot, doors.netlink),
            decision.plan,
            asked_of=lambda entry: asking.live(doors, decision.plan, entry),
        )
    return explained(reply)


def listed(lab: House) -> dict[int, str]:
    """The Reason of each slow flow, as lists give it, by source port."""
    decision = decided(lab.router, observed(lab.router))
    with lab.router.entered():
        snapshot, plan = with_routes(decision.snapshot, Netlink()), decision.plan
        count, entries = Conntrack().listed(lambda: ShareCount(snapshot, plan))
        rows = Listing(count, entries, Query()).rows()
        explainer = Explainer(count.ways, snapshot, plan, accepted=AcceptedReplies(Nft(), plan))
        flows = [explainer.flow(*row) for row in rows]
    return {flow.entry.original.sport: flow.reasons[0].code.name for flow in flows if flow.reasons}


def code(lab: House, talk: Talk) -> str:
    return explanation(lab, talk).code


@shows(WHY.WAITING)
@pytest.mark.parametrize("version", [4, 6])
def test_a_connection_waits_until_a_reply_is_accepted_and_is_fast_with_the_next_packet(
    built: House, version: int
) -> None:
    with closing(Talk(built.hosts["lan"], built.target("wan", version), "udp")) as talk:
        talk.echo(1)
        found = explanation(built, talk)
        assert found.code == "WAITING"
        assert found.steps["reply"].fact == "1 packet came back, and the firewall accepted one"
        talk.echo(2)
        assert explanation(built, talk).steps["path"].holds == "yes"


@shows(WHY.REPLY_NOT_ACCEPTED)
@pytest.mark.parametrize("place", ["fw4", "behind-ours"])
def test_a_connection_whose_replies_are_dropped_is_not_said_to_qualify(built: House, place: str) -> None:
    with dropping(built, place), closing(Talk(built.hosts["lan"], built.target("wan"), "udp")) as talk:
        talk.say(2)
        assert code(built, talk) == "REPLY_NOT_ACCEPTED"


@pytest.mark.parametrize("few", [0, 50])
@pytest.mark.parametrize("version", [4, 6])
def test_a_list_says_the_same_of_both(built: House, monkeypatch: pytest.MonkeyPatch, version: int, few: int) -> None:
    monkeypatch.setattr(accepted, "FEW", few)  # 0: the kernel lists the whole sets
    ends = built.hosts["lan"], built.target("wan", version)
    with closing(Talk(*ends, "udp")) as one, closing(Talk(*ends, "udp")) as other:
        one.echo(1)
        with dropping(built, "fw4"):
            other.say(2)
            assert [listed(built)[talk.near[1]] for talk in (one, other)] == ["WAITING", "REPLY_NOT_ACCEPTED"]


def test_a_dump_has_the_ids_of_connections(built: House) -> None:
    with closing(Talk(built.hosts["lan"], built.target("wan"), "udp")) as talk:
        talk.echo(1)
        with built.router.entered():
            conntrack = Conntrack()
            (entry,) = (each for each in conntrack.entries() if each.original.sport == talk.near[1])
            assert len(entry.ct_id) == 4 and entry.ct_id == conntrack.id_of(entry)
            key = entry.original.src + entry.original.dst + entry.ct_id
            assert Nft().remembers("flow_offload", "replied4", key)
            assert key in (Nft().keys("flow_offload", "replied4") or ())
            assert Nft().keys("flow_offload", "nothing") == frozenset()


@shows(WHY.NO_REPLY)
def test_a_reply_that_never_came_is_another_reason(built: House) -> None:
    talk = Talk(built.hosts["lan"], replace(built.target("wan"), port=SILENT), "udp")
    with closing(talk):
        talk.say(1)
        assert code(built, talk) == "NO_REPLY"


@shows(WHY.LOCAL)
def test_a_connection_of_the_router_itself(built: House) -> None:
    with closing(Talk(built.router, built.target("wan"), "udp")) as talk:
        talk.echo(1)
        assert code(built, talk) == "LOCAL"


@shows(WHY.HOOKED_ABOVE)
def test_a_port_below_a_bridge_with_a_shaper(built: House) -> None:
    built.router.run(
        "tc", *["qdisc", "add", "dev", "br-lan", "root", "tbf", "rate", "99mbit", "burst", "99kb", "latency", "99ms"]
    )
    try:
        choose(built.router, "software")
        assert "HOOKED_ABOVE" in explanation(built, built.call("lan", "wan")).steps["devices"].codes
    finally:
        built.router.run("tc", *["qdisc", "del", "dev", "br-lan", "root"])
        choose(built.router, "software")


@shows(WHY.TCP_STATE)
def test_a_connection_that_is_half_closed_on_the_slow_path(built: House) -> None:
    choose(built.router, "none")
    with closing(Talk(built.hosts["lan"], built.target("wan"))) as talk:
        talk.echo(1)
        talk._socket.shutdown(socket.SHUT_WR)
        assert code(built, talk) == "MODE_UNSET"
        choose(built.router, "software")
        assert code(built, talk) == "TCP_STATE"


def test_the_mtu_of_a_device_and_of_a_route(built: House) -> None:
    with closing(Talk(built.hosts["lan"], built.target("wan"), "udp")) as talk:
        talk.echo(1)
        fact = explanation(built, talk).steps["mtu"].fact
        assert fact.count("up to 1500 bytes") == 2 and "by its route" not in fact
        far = str(talk.far[0])
        built.router.run("ip", "route", "add", f"{far}/32", "dev", "wan", "mtu", "1300")
        assert f"up to 1300 bytes by its route to {far} on wan" in explanation(built, talk).steps["mtu"].fact
        built.router.run("ip", "route", "del", f"{far}/32", "dev", "wan")


@pytest.mark.parametrize("version", [4, 6])
def test_the_kernel_lists_the_connections_of_a_host_alone(built: House, version: int) -> None:
    host = built.target("wan", version)
    talks = [Talk(built.hosts["lan"], host), Talk(built.hosts["lan"], host, "udp"), Talk(built.router, host, "udp")]
    with ExitStack() as stack, built.router.entered():
        for each in talks:
            stack.enter_context(closing(each)).echo(1)
        for _ in range(2):  # two connections of ICMP, which conntrack tells apart by an id and not by ports
            built.hosts["lan"].run("busybox", "ping", "-c", "1", host.address)
        conntrack = Conntrack()
        everything = conntrack.entries()
        ends = {end for each in everything for way in (each.original, each.reply) for end in (way.src, way.dst)}
        assert len(ends) > 2
        for end in ends:
            with_it = [each.original for each in everything if end in {*each.original[:2], *each.reply[:2]}]
            assert sorted(each.original for each in conntrack.of_host(end)) == sorted(with_it)
            dumps = [conntrack._dump(request)[0] for request in of_host(end) if len(end) in FILTERED]
            assert all(end in {*each.original[:2], *each.reply[:2]} for found in dumps for each in found)


def test_one_connection_is_found_by_the_ends_of_either_direction_before_and_after_nat(built: House) -> None:
    with closing(Talk(built.hosts["lan"], built.target("wan"))) as talk:
        talk.echo(1)
        with built.router.entered():
            conntrack = Conntrack()
            (entry,) = (each for each in conntrack.entries() if each.original.sport == talk.near[1])
            for way in (entry.original, entry.reply):
                back = way._replace(src=way.dst, dst=way.src, sport=way.dport, dport=way.sport)
                for ends in (way, back):
                    assert [each.original for each in conntrack.find(entry.proto, ends)] == [entry.original]
            assert conntrack.find(entry.proto, entry.original._replace(sport=1)) == []
