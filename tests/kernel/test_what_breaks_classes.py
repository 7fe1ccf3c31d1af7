"""Classes of tc, marks and logs, which treat each packet, with offload: how many packets of a flow they still treat."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernel import chip
from kernel.house import House, Shape
from kernel.inside import choose
from kernel.rates import compared
from kernel.sides import bridge

ENGINE = ("lan1", "wan")
SHAPE = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("wan")})
PACKETS, FIRST = 60, 15
MODES = ("none", "software", "hardware")
FORWARD = (
    'table inet own {{\n\tchain forward {{\n\t\ttype filter hook forward priority -5;\n\t\toifname "wan" {}\n\t}}\n}}\n'
)
LOG_OF_NAMESPACES = Path("/proc/sys/net/netfilter/nf_log_all_netns")
EGRESS = (
    "qdisc add dev wan root handle 1: htb default 10",
    "class add dev wan parent 1: classid 1:10 htb rate 100mbit",
    "class add dev wan parent 1: classid 1:20 htb rate 100mbit",
)
BY_MARK = "filter add dev wan parent 1: protocol ip prio 2 handle 7 fw classid 1:20"
RESTORE = "filter add dev wan parent {} protocol ip prio 1 matchall action connmark zone 0 continue"
INGRESS = (
    "qdisc add dev wan handle ffff: ingress",
    RESTORE.format("ffff:"),
    "filter add dev wan parent ffff: protocol ip prio 2 handle 7 fw action ok",
)
CAKE = "qdisc add dev wan root cake bandwidth 100mbit diffserv4"
ARP = 4  # packets of it at most, which cake has in the same tin (cake_handle_diffserv(), net/sched/sch_cake.c)
EXPEDITED = 46  # the DSCP of expedited forwarding
# Row: the rule, what tc has, and what offload does; with it all packets are treated as without it.
ROWS: dict[str, tuple[str, tuple[str, ...], str | Mapping[str, str]]] = {
    "class that a rule chooses (meta priority)": ("meta priority set 1:20", EGRESS, "its traffic stays slow"),
    "class that a filter chooses by mark (fw)": (
        "meta mark set 7",
        (*EGRESS, BY_MARK),
        "its traffic stays slow",
    ),
    "mark of a connection, restored on wan's ingress (connmark, ctinfo)": (
        "ct mark set 7",
        INGRESS,
        {"software": "nothing: it is kept", "hardware": "the pair is in software"},
    ),
    "mark of a connection, restored on wan's egress behind masquerade": (
        "ct mark set 7",
        (*EGRESS, RESTORE.format("1:"), BY_MARK),
        "connections with a mark stay slow",
    ),
}


@pytest.fixture(name="lab", scope="module")
def _lab(house: House) -> Iterator[House]:
    with house.shaped(SHAPE):
        yield house


@contextmanager
def ruled(lab: House, rule: str, commands: tuple[str, ...] = ()) -> Iterator[None]:
    """With a user's rule in the forward path, and these commands of tc."""
    lab.router.nft(FORWARD.format(rule))
    for command in commands:
        lab.router.run("tc", *command.split())
    try:
        yield
    finally:
        lab.router.nft("delete table inet own")
        if commands:
            lab.router.run("tc", "qdisc", "del", "dev", "wan", "ingress" if commands is INGRESS else "root")


def treated(lab: House, commands: tuple[str, ...]) -> int:
    """Packets that the class, or on ingress the filter by mark, has counted."""
    if commands is INGRESS:
        listed = lab.router.run("tc", "-s", "filter", "show", "dev", "wan", "parent", "ffff:").partition(" fw ")[2]
    else:
        listed = lab.router.run("tc", "-s", "class", "show", "dev", "wan", "classid", "1:20")
    return int(re.findall(r"bytes (\d+) pkt", listed)[0])


def in_voice(lab: House) -> int:
    """Packets that cake has sent in its last tin, Voice of diffserv4."""
    listed = lab.router.run("tc", "-s", "qdisc", "show", "dev", "wan")
    return int(re.findall(r"\n +pkts((?: +\d+)+)", listed)[0].split()[-1])


@pytest.mark.parametrize("by", ["of packets", "that a rule sets"])
def test_cake_has_packets_in_their_tin(lab: House, by: str) -> None:
    found, ruled_so = {}, by != "of packets"
    with ruled(lab, "ip dscp set ef" if ruled_so else "counter"):
        lab.router.run("tc", *CAKE.split())
        for mode in MODES:
            choose(lab.router, mode)
            talk = lab.call("lan", "wan", proto="udp")
            if not ruled_so:
                talk.dscp(EXPEDITED)
            before = in_voice(lab)
            with lab.evidence.watch(talk) as seen:
                talk.echo(PACKETS)
            count = in_voice(lab) - before
            assert PACKETS <= count <= PACKETS + ARP
            found[mode] = min(count, PACKETS)
            assert seen.all_slow() if ruled_so or mode == "none" else seen.fast(PACKETS)
        lab.router.run("tc", "qdisc", "del", "dev", "wan", "root")
    kept = {"software": "nothing: it is kept", "hardware": "the pair is in software"}
    did = "its traffic stays slow" if ruled_so else kept
    compared(f"cake's tins by the DSCP {by}", {m: f"{found[m]} of {PACKETS} packets" for m in MODES}, did)


def logged(lab: House) -> int:
    """Lines of the rule in the kernel's log."""
    return lab.router.run("dmesg").count("OFFLOAD-TEST ")


@pytest.mark.parametrize("row", ROWS)
def test_what_is_done_with_each_packet(lab: House, row: str) -> None:
    rule, commands, did = ROWS[row]
    found = {}
    with ruled(lab, rule, commands):
        for mode in MODES:
            choose(lab.router, mode)
            talk = lab.call("lan", "wan", proto="udp")
            before = treated(lab, commands)
            talk.echo(PACKETS)
            found[mode] = treated(lab, commands) - before
    assert found == dict.fromkeys(MODES, PACKETS)
    compared(row, {mode: f"{found[mode]} of {PACKETS} packets" for mode in MODES}, did)


def test_a_rule_logs_the_first_packets(lab: House) -> None:
    LOG_OF_NAMESPACES.write_text("1")
    found = {}
    with ruled(lab, 'log level debug prefix "OFFLOAD-TEST "'):
        for mode in MODES:
            choose(lab.router, mode)
            talk = lab.call("lan", "wan", proto="udp")
            if mode == "hardware":
                chip.settled(lab.router, ENGINE, talk)
            before = logged(lab)
            talk.echo(PACKETS)
            found[mode] = logged(lab) - before
    assert found["none"] == PACKETS and max(found[mode] for mode in MODES[1:]) < FIRST
    did = "nothing: log new connections, or exempt"
    compared("log of a rule in the forward path", {m: f"{found[m]} of {PACKETS} packets" for m in MODES}, did)
