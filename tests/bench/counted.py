"""The lines of the gate that count instructions: few, and each in the smallest size that still shows its growth.

All of them are measured on one network in one machine, and each beside a peer that runs in the same machine: bare
Python, `conntrack -L`, the firewall without our table.
"""

import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import replace

from bench.connections import of_call, run
from bench.crowd import fill
from bench.established import End, Flow, establish
from bench.pktgen import Sink, blast, cost
from bench.rows import Figure, Row, against
from kernel.guest import REPOSITORY
from kernel.lab import Home, Router, home
from kernel.resident import resident

ROUNDS = 1  # such a figure repeats
CONNECTIONS = 4_096
PACKETS = 3_000
METHOD = "counted instructions"
BARE, LISTING, ALONE = "bare Python", "conntrack -L", "without offload"
PYTHON = (sys.executable, "-c", "pass")
COMMAND = (sys.executable, "-m", "offload")
HOME = str(REPOSITORY / "tests/golden/03-lan-guest-wan")
COMMANDS = {
    "offload --version": ("--version",),
    "offload print of a home router": ("print", "--root", HOME),
    "offload firewall print of a home router": ("firewall", "print", "--root", HOME),
}
READINGS = {
    "status": ("status", "--json"),
    "flows": ("flows", "--limit", "1000000"),
    "flows --json": ("flows", "--json", "--limit", "1000000"),
}
NEVER = ("offload", "globals", "after_packets", "1000000")


def lines() -> Iterator[Row]:
    """Measure all of them."""
    os.environ["PYTHONHASHSEED"] = "0"  # the order of a set is work, too
    with home() as network:
        network.router.nft("delete table inet evidence")  # it counts each slow packet, and `status` reads it
        yield from packets(network)
        bare = taken(network.router, *PYTHON)
        for work, words in COMMANDS.items():
            yield line(work, BARE, "ms", bare, taken(network.router, *COMMAND, *words))
        yield from connections(network.router)
        network.router.run("conntrack", "-F")
        yield from service(network.router, bare)


def packets(network: Home) -> Iterator[Row]:
    """A packet that stays slow and the first of a connection, without our table and with it."""
    router = network.router
    near, far = End(network.client, "eth0"), End(network.server, "eth0")
    macs = router.mac("br-lan"), router.mac("wan")
    flow, _ = establish(router, near, far, network.internet4.address, near_mac=macs[0], far_mac=macs[1])
    sinks = Sink(router, ("lan1",)), Sink(network.server, ("eth0",))

    def slow() -> float:
        return cost(flow, *sinks).value

    def first() -> float:
        return first_packet(flow, sinks, router)

    alone = slow(), first()
    router.uci(*NEVER)
    router.offload("apply")
    assert router.table()
    flow, _ = establish(router, near, far, network.internet4.address, near_mac=macs[0], far_mac=macs[1])
    for work, without, ours in zip(("slow packet", "first packet"), alone, (slow(), first()), strict=True):
        yield line(work, ALONE, "us", without, ours)
    router.reset()


def first_packet(flow: Flow, sinks: tuple[Sink, Sink], router: Router) -> float:
    """Guest microseconds of the router for the first packet of a connection: each comes from another port."""
    flows = replace(flow, sports=range(30_000, 30_000 + PACKETS))
    blast(flows, 100)
    router.run("conntrack", "-F")
    with sinks[0].dropping():
        without = blast(flows, PACKETS)
    with sinks[1].dropping():
        return blast(flows, PACKETS) - without


def connections(router: Router) -> Iterator[Row]:
    """Reading some thousand connections by a command without a service."""
    router.offload("apply")
    router.run("conntrack", "-F")
    fill(router, CONNECTIONS)
    peer = taken(router, "conntrack", "-L")
    for work, words in READINGS.items():
        yield line(f"offload {work} of {CONNECTIONS} connections", LISTING, "ms", peer, taken(router, *COMMAND, *words))


def service(router: Router, bare: float) -> Iterator[Row]:
    """A verb that the service answers, and what the service takes for a pass of its own."""
    with resident(router) as running:
        running.quiet()
        yield line("offload zones by the service", BARE, "ms", bare, taken(router, *COMMAND, "zones"))
        passes = [of_call(running, "reload") for _ in range(ROUNDS + 1)][1:]
        yield line("a pass of the service that changes nothing", BARE, "ms", bare, statistics.median(passes))


def taken(router: Router, *argv: str) -> float:
    """Milliseconds of processor time that a program takes on the router; the first run reads the disk."""
    return statistics.median([run(router, *argv)[0] for _ in range(ROUNDS + 1)][1:])


def line(work: str, peer: str, unit: str, theirs: float, ours: float) -> Row:
    """One line, without a goal of its own: its bound is in bounds.json."""
    return against(work, peer, unit, (Figure(theirs, ROUNDS), Figure(ours, ROUNDS)), 0, METHOD)
