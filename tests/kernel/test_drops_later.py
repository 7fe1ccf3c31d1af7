"""Rules that decide on a live connection by what changes later: its mark, or how much it has sent."""

import time
from collections.abc import Iterator

import pytest

from kernel.house import House, Shape
from kernel.inside import choose
from kernel.sides import bridge, port
from kernel.test_drops_by_packet import BYPASSED
from kernel.traffic import Talk

FORWARD = "type filter hook forward priority -10"
ENOUGH, SENT = 10, 30
NO_OPERATION = b"\1\1\1\0"  # options of IP: flowtables leave packets with these alone
MARKS = f"chain m {{\n{FORWARD}0\nip hdrlength > 5 ct mark set 7\n}}\n"
RESTORES = "chain p {\ntype filter hook prerouting priority -150\nmeta mark set ct mark\n}\n"
# The first 40 packets fit the sizes, the 60 after them do not.
RULES = {
    "the mark of the connection": f"{MARKS}chain f {{\n{FORWARD}\nct mark 7 drop\n}}",
    "a chain that it leads to": f"{MARKS}chain a {{\ndrop\n}}\nchain f {{\n{FORWARD}\nct mark & 15 == 7 jump a\n}}",
    "a mark copied to packets": f"{MARKS}{RESTORES}chain f {{\n{FORWARD}\nmeta mark 7 drop\n}}",
    "all but marked": f"{MARKS}chain f {{\n{FORWARD}\nct mark != 7 accept\nmeta l4proto udp drop\n}}",
    "a map of marks": f"{MARKS}chain f {{\n{FORWARD}\nct mark vmap {{ 0 : accept }}\nmeta l4proto udp drop\n}}",
    "fewer packets": f"chain f {{\n{FORWARD}\nct packets < 60 accept\nmeta l4proto udp drop\n}}",
    "fewer bytes": f"chain f {{\n{FORWARD}; policy drop\nct bytes < 7000 accept\n}}",
    "a chain for fewer bytes": f"chain a {{\naccept\n}}\n"
    f"chain f {{\n{FORWARD}\nct original bytes < 3500 jump a\nmeta l4proto udp drop\n}}",
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        yield house


def answered(talk: Talk) -> int:
    """Of SENT datagrams, those that are answered within a short time each."""
    talk._socket.settimeout(0.1)
    found = 0
    for _ in range(SENT):
        try:
            talk.echo(1)
            found += 1
        except TimeoutError:
            continue
    return found


def late(lab: House, more: str, *, marked: bool) -> int:
    """Of SENT packets after the connection's mark, or its size, changed, those that are answered."""
    choose(lab.router, "software", more)
    talk = lab.call("lan", "wan", proto="udp")
    talk.echo(ENOUGH)
    if marked:
        talk.ip_options(NO_OPERATION)
        talk.say(1)
        talk.ip_options(b"")
        time.sleep(0.2)
    answered(talk)
    return answered(talk)


@pytest.mark.parametrize("which", RULES)
def test_a_connection_that_a_rule_refuses_later_ends(lab: House, which: str) -> None:
    lab.router.nft(f"table inet later {{\n{RULES[which]}\n}}\n")
    try:
        assert late(lab, BYPASSED, marked=MARKS in RULES[which]) == SENT, "offloaded packets bypass the rule"
        assert late(lab, "", marked=MARKS in RULES[which]) == 0
    finally:
        lab.router.nft("delete table inet later\n")
