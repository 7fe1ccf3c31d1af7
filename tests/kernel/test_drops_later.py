"""Rules whose decision on a live connection changes later: by its mark, or by what it has sent; offload bypassed them."""

import time
from collections.abc import Iterator

import pytest

from kernel.house import House, Shape
from kernel.inside import choose
from kernel.sides import bridge, port
from kernel.test_drops_by_packet import BYPASSED
from kernel.traffic import PORT, Talk

FORWARD = "type filter hook forward priority -10"
ENOUGH, SENT = 10, 30
MARK = 7
# A table with rules, and whether a program marks the connection while it lives. Without a mark the end is its size:
# of 100 and more bytes each way, or packets, which the first ENOUGH do not reach.
RULES = {
    "the mark of the connection": (f"chain f {{\n{FORWARD}\nct mark {MARK} drop\n}}", True),
    "a chain that it leads to": (
        f"chain away {{\ndrop\n}}\nchain f {{\n{FORWARD}\nct mark & 0xf == {MARK} jump away\n}}",
        True,
    ),
    "a mark copied to packets": (
        "chain p {\ntype filter hook prerouting priority -150\nmeta mark set ct mark\n}\n"
        f"chain f {{\n{FORWARD}\nmeta mark {MARK} drop\n}}",
        True,
    ),
    "all but marked": (
        f"chain f {{\n{FORWARD}\nmeta l4proto udp ct mark != {MARK} accept\nmeta l4proto udp drop\n}}",
        True,
    ),
    "fewer packets than": (f"chain f {{\n{FORWARD}\nct packets < 25 accept\nmeta l4proto udp drop\n}}", False),
    "fewer bytes than": (f"chain f {{\n{FORWARD}; policy drop\nct bytes < 3000 accept\n}}", False),
    "a chain for fewer bytes": (
        "chain few {\naccept\n}\n"
        f"chain f {{\n{FORWARD}\nct original bytes < 2000 jump few\nmeta l4proto udp counter drop\n}}",
        False,
    ),
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        yield house


def answered(lab: House, talk: Talk) -> int:
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
        lab.router.run("conntrack", "-U", "-p", "udp", "--orig-port-dst", str(PORT), "--mark", str(MARK))
        time.sleep(0.1)
    else:
        answered(lab, talk)
    return answered(lab, talk)


@pytest.mark.parametrize("which", RULES)
def test_a_connection_that_a_rule_refuses_later_ends(lab: House, which: str) -> None:
    rules, marked = RULES[which]
    lab.router.nft(f"table inet later {{\n{rules}\n}}\n")
    try:
        assert late(lab, BYPASSED, marked=marked) == SENT, "offloaded packets bypass the rule"
        assert late(lab, "", marked=marked) == 0
    finally:
        lab.router.nft("delete table inet later\n")
