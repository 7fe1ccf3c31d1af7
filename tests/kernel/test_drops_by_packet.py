"""Rules that drop single packets of a connection meet all of them; offloaded packets bypass them otherwise."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kernel.house import House, Shape
from kernel.inside import choose
from kernel.netns import Namespace
from kernel.sides import bridge, port
from kernel.traffic import PORT

FORWARD = "type filter hook forward priority -10"
EF = 0xB8  # the byte of the IP header for DSCP class EF
GOOD, BAD = b"good".ljust(32), b"Bad!".ljust(32)
SENT = 20
BYPASSED = "\toption auto_exempt '0'\n"
# What drops the second half of a conversation, by its content, its DSCP or its length; the last of them half of it
RULES = {
    "bytes of the payload": "@th,64,32 0x42616421 drop",
    "bytes behind the addresses": "@nh,224,32 0x42616421 reject",
    "DSCP": "ip dscp ef drop",
    "DSCP beside an address": "ip saddr . ip dscp { 192.168.1.2 . ef } drop",
    "a map of DSCP": "ip dscp vmap { ef : drop }",
    "a chain that drops": "udp length > 500 jump away",
    "every second packet": "ip dscp ef numgen inc mod 2 0 drop",
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        yield house


def answered(lab: House, more: str = "") -> int:
    """Of SENT packets that the rules are about, those that are answered in a conversation that has begun."""
    choose(lab.router, "software", more)
    with _caller(lab.hosts["lan"], lab.target("wan").address) as caller:
        assert _echoes(caller, GOOD) == SENT
        caller.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EF)
        return _echoes(caller, BAD * 20)


def _caller(host: Namespace, address: str) -> socket.socket:
    with host.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(0.2)
    made.connect((address, PORT))
    return made


def _echoes(caller: socket.socket, content: bytes) -> int:
    found = 0
    for _ in range(SENT):
        caller.send(content)
        with suppress(TimeoutError, ConnectionRefusedError):
            found += caller.recv(2048) == content
    return found


@pytest.mark.parametrize("which", RULES)
def test_a_rule_that_drops_single_packets_meets_them(lab: House, which: str) -> None:
    lab.router.nft(f"table inet drops {{\nchain away {{\ndrop\n}}\nchain f {{\n{FORWARD}\n{RULES[which]}\n}}\n}}\n")
    try:
        assert answered(lab, BYPASSED) == SENT, "offloaded packets bypass the rule"
        assert answered(lab) <= (SENT // 2 if "numgen" in RULES[which] else 0)
    finally:
        lab.router.nft("delete table inet drops\n")


# A limit of data packets, and two rules that no data packet of a connection matches
FLAGS = {
    "tcp flags & psh == psh": True,
    "tcp flags syn / fin,syn,rst,ack": False,
    "tcp flags & (fin|syn) == (fin|syn)": False,
}


@pytest.mark.parametrize("flags", FLAGS)
def test_a_limit_by_flags_meets_data_packets_or_slows_nothing(lab: House, flags: str) -> None:
    rule = f"{flags} counter limit rate over 1000/second drop\ncounter"
    lab.router.nft(f"table inet drops {{\nchain f {{\n{FORWARD}\n{rule}\n}}\n}}\n")
    try:
        choose(lab.router, "software")
        talk = lab.call("lan", "wan")
        before = _counted(lab)
        talk.echo(60)
        seen = [after - since for after, since in zip(_counted(lab), before, strict=True)]
    finally:
        lab.router.nft("delete table inet drops\n")
    assert seen[0] >= 120 if FLAGS[flags] else seen[1] < 10, seen


def _counted(lab: House) -> list[int]:
    """Packets of each counter in the rules, in their order."""
    listed = lab.router.run("nft", "list", "table", "inet", "drops")
    return [int(each.split()[0]) for each in listed.split("counter packets ")[1:]]
