"""Links, addresses and routes: this machine's kernel against iproute2, messages of our making, and any bytes."""

import errno
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.errors import KernelError
from offload.system.netlink.route import links, routing_rules, rtnetlink, traffic_control
from offload.system.netlink.route.rtnetlink import LinkMessage
from offload.system.netlink.wire import Message, attribute, message

NAMES = {1: "lo", 2: "wan", 3: "wan2"}
COMMANDS = """
ip link add br-lan type bridge
ip link add lan1 type veth peer name host
ip link set lan1 master br-lan
for each in br-lan lan1 host; do ip link set $each addrgenmode none; done
for each in lo br-lan lan1 host; do ip link set $each up; done
ip address add 192.168.1.1/24 dev br-lan
ip address add 10.0.0.1 peer 10.0.0.2/32 dev lan1
ip -6 address add fd00::1/64 dev br-lan nodad
ip route add default via 192.168.1.254 metric 20
ip route add 198.51.100.0/24 nexthop via 192.168.1.3 nexthop via 10.0.0.2
ip route add blackhole 203.0.113.0/24
ip route add 192.0.2.0/24 dev br-lan table 100
"""
RULES = """
ip rule add fwmark 0x100/0xff00 lookup 100
ip -6 rule add not fwmark 51820 lookup 51820
ip rule add from 192.168.1.0/24 lookup 100
ip rule add fwmark 0x9/0xf blackhole
"""
PROGRAM = """
import errno
import json
from offload.system.netlink.route.links import Netlink
door = Netlink()
scene = door.scene()
print(json.dumps({
    "links": sorted((each.name, each.kind, each.up, each.master, list(each.lower)) for each in scene.links),
    "addresses": sorted((each.device, str(each.address)) for each in scene.addresses),
    "routes": sorted((str(each.target), sorted(each.devices), each.metric) for each in door.routes()),
    "policy": sorted(scene.policy_routed),
    "rules": sorted((each.family, each.fwmark, each.fwmask, each.table, each.inverted) for each in scene.rules),
}))
"""

NEXTHOPS = """
ip link add switch type bridge
for each in one two; do
    ip link add $each type veth peer name far-$each
    ip link set far-$each master switch
    for end in $each far-$each; do ip link set $end addrgenmode none; ip link set $end up; done
done
ip address add 10.0.0.1/24 dev one
ip nexthop add id 5 via 10.0.0.2 dev one
ip route add 10.10.0.0/24 nhid 5
"""
HEARD = """
import subprocess
import time
from offload.system.netlink.route.monitor import Monitor
door = Monitor()
for far in ("far-two", "far-one"):  # ports, which have no routes
    subprocess.run(["ip", "link", "set", far, "down"], check=True)
    time.sleep(0.5)
    print(door.links().routes.name)
"""


def in_a_namespace(commands: str, program: str = PROGRAM) -> str:
    """What the program and then iproute2 print after these commands."""
    if not all(map(shutil.which, ("unshare", "ip"))):
        pytest.skip("needs the programs unshare and ip")
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("may not make network namespaces here")
    command = f'{commands}\n{sys.executable} -c "$PROGRAM"\nip -j address\nip -j route'
    environment = {"PROGRAM": program, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-exc", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_kernel_s_links_addresses_and_routes_are_those_of_iproute2() -> None:
    found, devices, routes = map(json.loads, in_a_namespace(COMMANDS).splitlines())
    assert found["links"] == [
        ["br-lan", "bridge", True, "", []],
        ["host", "veth", True, "", []],
        ["lan1", "veth", True, "br-lan", []],
        ["lo", "", True, "", []],
    ]
    listed = [
        [device["ifname"], f"{each['local']}/{each['prefixlen']}"] for device in devices for each in device["addr_info"]
    ]
    assert found["addresses"] == sorted(listed)
    ipv4 = [each for each in found["routes"] if ":" not in each[0]]
    assert len(ipv4) == len([each for each in routes if each.get("type") != "blackhole"])
    assert ["0.0.0.0/0", ["br-lan"], 20] in ipv4
    assert ["198.51.100.0/24", ["br-lan", "lan1"], 0] in ipv4
    assert not [each for each in ipv4 if each[0] in {"203.0.113.0/24", "192.0.2.0/24"}]
    assert found["policy"] == []


def test_nexthop_objects_from_before_the_start_go_with_a_carrier() -> None:
    """The kernel tells of the carrier alone (docs/kernel.md 37)."""
    printed = in_a_namespace(NEXTHOPS, HEARD).splitlines()
    assert printed[:2] == ["NOTHING", "ALL"]
    assert "10.10.0.0/24" not in printed[-1]


def test_the_kernel_s_routing_rules_by_mark() -> None:
    try:
        printed = in_a_namespace(RULES)
    except AssertionError as error:
        if "not supported" in str(error):
            pytest.skip("this kernel has no routing rules")
        raise
    found = json.loads(printed.splitlines()[0])
    assert found["policy"] == ["ipv4", "ipv6"]
    assert found["rules"] == [
        ["ipv4", 0x9, 0xF, 0, False],
        ["ipv4", 0x100, 0xFF00, 100, False],
        ["ipv6", 51820, 0xFFFFFFFF, 51820, True],
    ]


def link(*attributes: bytes) -> Message:
    return 16, struct.pack("=BxHiII", 0, 1, 5, 1, 0) + attribute(3, b"eth1.7\0") + b"".join(attributes)


def test_a_parent_in_another_namespace_is_none_of_ours() -> None:
    kind = attribute(18, attribute(1, b"vlan\0"))
    parent = attribute(5, struct.pack("=I", 2))
    assert rtnetlink.links([link(parent, kind)]) == [LinkMessage(5, "eth1.7", True, "vlan", 0, 2)]
    assert rtnetlink.links([link(parent, kind, attribute(37, bytes(4)))])[0].parent == 0


def tc(kind: str, *, handle: int, parent: int, options: bytes = b"", info: int = 1, message_kind: int = 44) -> Message:
    body = struct.pack("=BxxxiIII", 0, 2, handle, parent, info) + attribute(1, kind.encode() + b"\0")
    return message_kind, body + (attribute(2, options) if options else b"")


FLAGS = (("u32", 11), ("matchall", 3), ("flower", 22), ("bpf", 9))  # TCA_U32_FLAGS and so on


def test_filters_show_the_marks_that_they_compare() -> None:
    u32 = attribute(10, struct.pack("=III", 5, 0xF, 3))
    found = traffic_control.filters(
        [
            tc("fw", handle=0, parent=1, info=1),
            tc("fw", handle=0x1FF, parent=1, info=1, options=attribute(5, struct.pack("=I", 0xFF))),
            tc("fw", handle=0, parent=1, info=2),  # alone: the mark itself is the class
            tc("u32", handle=0x80000000, parent=1, options=u32),
            tc("flower", handle=1, parent=1),
            tc("bpf", handle=1, parent=1),
        ],
        NAMES,
    )
    assert [(each.kind, each.fwmark, each.fwmask) for each in found] == [
        ("fw", 0xFF, 0xFF),
        ("u32", 5, 0xF),
        ("flower", 0, 0),
        ("bpf", None, 0xFFFFFFFF),
        ("fw", None, 0xFFFFFFFF),
    ]


def test_filters_that_restore_marks_are_those_of_packets_that_leave() -> None:
    action = attribute(1, attribute(1, b"connmark\0"))
    options = attribute(2, action)
    parents = {0x10000: True, 0xFFFFFFF3: True, 0xFFFFFFF2: False, 0xFFFF0000: False}
    for parent, leaving in parents.items():
        (found,) = traffic_control.filters([tc("matchall", handle=1, parent=parent, options=options)], NAMES)
        assert found.restores == leaving
    other = attribute(2, attribute(1, attribute(1, b"mirred\0")))
    assert not traffic_control.filters([tc("matchall", handle=1, parent=0x10000, options=other)], NAMES)[0].restores


def test_filters_of_hardware_and_of_the_bridge_treat_no_routed_packets() -> None:
    skip_sw, skip_hw = (struct.pack("=I", each) for each in (2, 1))
    programs = {b"bridger_input:[7]\0": False, b"qosify_ingress_:[8]\0": True, b"classify\0": True}
    wanted = [
        *((tc("bpf", handle=1, parent=1, options=attribute(7, name)), treats) for name, treats in programs.items()),
        *((tc(kind, handle=1, parent=1, options=attribute(number, skip_sw)), False) for kind, number in FLAGS),
        *((tc(kind, handle=1, parent=1, options=attribute(number, skip_hw)), True) for kind, number in FLAGS),
        (tc("flower", handle=1, parent=1), True),
    ]
    for sent, treats in wanted:
        (found,) = traffic_control.filters([sent], NAMES)
        assert found.treats == treats
        assert treats or not found.fwmask, "it reads no mark either"


def gact(action: int, *, chance: bool = False, kind: bytes = b"gact") -> bytes:
    settings = attribute(2, struct.pack("=IIiii", 1, 0, action, 1, 1))
    settings += attribute(3, struct.pack("=HHi", 1, 2, 2)) if chance else b""
    return attribute(1, kind + b"\0") + attribute(2, settings)


OK, CONTINUE, RECLASSIFY, SHOT, PIPE, GOTO = 0, -1, 1, 2, 3, 0x20000001
INGRESS, EGRESS, ROOT = 0xFFFFFFF2, 0xFFFFFFF3, 0x10000
ACTIONS = {"matchall": 2, "u32": 7, "flower": 3, "basic": 3, "fw": 4}  # TCA_MATCHALL_ACT and so on


def treats(kind: str, *actions: bytes, parent: int = INGRESS, more: bytes = b"", protocol: int = 0x0800) -> bool:
    several = b"".join(attribute(number, action) for number, action in enumerate(actions, 1))
    options = attribute(ACTIONS.get(kind, 1), several) + more
    info = 1 << 16 | int.from_bytes(protocol.to_bytes(2, "big"), sys.byteorder)
    (found,) = traffic_control.filters([tc(kind, handle=1, parent=parent, options=options, info=info)], NAMES)
    return found.treats


@pytest.mark.parametrize("kind", ACTIONS)
def test_filters_that_only_count_treat_nothing(kind: str) -> None:
    for action in (OK, CONTINUE, PIPE):
        assert not treats(kind, gact(action))
        assert not treats(kind, gact(action), parent=EGRESS)
        assert treats(kind, gact(action), parent=ROOT), "it chooses a class"
    assert not treats(kind)
    assert not treats(kind, gact(PIPE), gact(OK))
    for action in (RECLASSIFY, SHOT, GOTO):
        assert treats(kind, gact(action))
    assert treats(kind, gact(OK, chance=True))
    assert treats(kind, gact(OK, kind=b"police"))
    assert treats(kind, gact(PIPE), attribute(1, b"connmark\0"))
    assert treats(kind, attribute(1, b"gact\0")), "without an action that can be read"


def test_filters_with_a_policer_in_the_old_form_and_programs_treat_packets() -> None:
    for kind, number in {"u32": 6, "fw": 2, "basic": 4}.items():
        assert treats(kind, more=attribute(number, bytes(4)))
    assert treats("bpf", gact(OK))
    assert treats("flow", gact(OK))


def test_filters_that_count_still_show_the_marks_that_they_compare() -> None:
    options = attribute(4, attribute(1, gact(OK)))
    (found,) = traffic_control.filters([tc("fw", handle=7, parent=EGRESS, options=options)], NAMES)
    assert (found.fwmark, found.fwmask, found.treats) == (7, 0xFFFFFFFF, False)


def test_filters_of_packets_that_are_never_offloaded_treat_nothing() -> None:
    for protocol in (0x0806, 0x8035, 0x888E, 0x88CC, 0x8863):
        assert not treats("matchall", gact(SHOT), protocol=protocol)
        assert not treats("u32", parent=ROOT, protocol=protocol)
    for protocol in (0x0003, 0x0800, 0x86DD, 0x8100, 0x88A8, 0x8864):
        assert treats("matchall", gact(SHOT), protocol=protocol)
    for proto, kept in {1: False, 2: False, 58: False, 6: True, 17: True, 47: True, 41: True}.items():
        assert treats("flower", gact(SHOT), more=attribute(9, bytes([proto]))) == kept


@given(st.binary(max_size=60), st.sampled_from(sorted(ACTIONS)), st.sampled_from([INGRESS, EGRESS]))
def test_an_action_that_cannot_be_read_treats_packets(body: bytes, kind: str, parent: int) -> None:
    assert b"gact" in body or treats(kind, body, parent=parent)


def test_cake_shows_by_which_bits_of_the_mark_it_sorts() -> None:
    cake = tc("cake", handle=0x10000, parent=0xFFFFFFFF, options=attribute(18, struct.pack("=I", 0xF)), message_kind=36)
    plain = tc("noqueue", handle=0, parent=0xFFFFFFFF, message_kind=36)
    found = traffic_control.qdiscs([cake, plain])
    (named,) = traffic_control.named(found, NAMES)
    assert (named.device, named.kind, named.fwmask) == ("wan", "cake", 0xF)
    assert list(traffic_control.filter_parents(found)) == [(2, 0x10000)]


PARSERS: dict[int, Callable[[list[Message]], Iterable[object]]] = {
    16: rtnetlink.links,
    20: lambda found: rtnetlink.addresses(found, NAMES),
    24: lambda found: rtnetlink.routes(found, NAMES),
    32: lambda found: (*routing_rules.routing_rules(found), routing_rules.policy_routed(found)),
    36: traffic_control.qdiscs,
    40: traffic_control.classes,
    44: lambda found: traffic_control.filters(found, NAMES),
}
values = st.binary(max_size=20) | st.integers(0, 3).map(lambda number: struct.pack("=I", number))
held = st.lists(st.builds(attribute, st.integers(0, 40) | st.sampled_from([0x8001, 0x8012]), values), max_size=6)
heads = st.binary(max_size=30) | st.sampled_from([bytes([2, 24, 0, 0]), bytes([10, 200, 0, 0, 254, 0, 0, 1])])


@given(st.sampled_from(sorted(PARSERS)), heads, held, st.integers(0, 60))
def test_no_message_breaks_a_parser(kind: int, head: bytes, found: list[bytes], cut: int) -> None:
    body = head + bytes(-len(head) % 4) + b"".join(found)
    for each in (body, body[:cut]):
        list(PARSERS[kind]([(kind, each)]))


def test_requests_are_dumps() -> None:
    assert message(22, bytes(8)) == rtnetlink.ADDRESSES
    assert message(34, bytes(12)) == routing_rules.RULES


@pytest.mark.parametrize("lacking", [routing_rules.RULES, traffic_control.QDISCS], ids=["rules", "qdiscs"])
def test_rules_and_qdiscs_are_missing_only_of_a_kernel_without_them(
    monkeypatch: pytest.MonkeyPatch, lacking: bytes
) -> None:
    """A dump that failed is no proof that no rule routes by the mark, or that nothing shapes by it."""

    def refusing(number: int) -> Callable[[int, bytes], list[Message]]:
        def dump(_: int, request: bytes) -> list[Message]:
            if request == lacking:
                raise OSError(number, "refused")
            return []

        return dump

    netlink = links.Netlink(seen=lambda _family, _most: [])
    monkeypatch.setattr(links, "dump", refusing(errno.EOPNOTSUPP))
    assert netlink.scene() == links.LinkDump()
    monkeypatch.setattr(links, "dump", refusing(errno.ENOBUFS))
    with pytest.raises(KernelError, match="does not list its routing rules and queueing disciplines"):
        netlink.scene()
