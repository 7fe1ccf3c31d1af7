"""The router's time per packet with our device list, compared with fw4's, topology by topology. Run by `make bench`.

The same network, firewall and kernel for both; fw4's list is the L2 device of each network, never pppoe-wan,
WireGuard or a zone that names its device (fw4.uc, resolve_offload_devices). BENCH_TOPOLOGIES names some of them.
"""

import json
import os
from dataclasses import dataclass, replace
from subprocess import CalledProcessError

from bench.established import End, establish
from bench.pktgen import WARM, Sink, blast, dropped
from bench.rows import Figure, Row, against, mean, missing
from kernel.house import House, house
from kernel.inside import applied, decided, observed
from kernel.netns import Namespace
from kernel.topologies import TOPOLOGIES, Topology

OURS = ("flow_offload", "flow_offload_hw")
COUNTER = """table inet bench_slow {
	chain forward { type filter hook forward priority filter - 5; policy accept; counter; }
}"""
FORWARD = "type filter hook forward priority filter; policy drop;\n"
# Encapsulated by the far host itself, where the kernel's generator cannot send.
ONE_WAY = ("pppoe-wan", "wg0")
BY_WORKERS = ("wg0",)  # encryption is the work of the kernel's workqueues, which handle softirqs meanwhile, too
# Sent by radio: the emulated radio costs more than the router, so only the lists are compared.
BY_RADIO = ("wifi",)
GOALS = {"static": 0.50, "pppoe": 0.90, "pppoe-on-vlan": 0.90}
GOAL = 1.05
WORK = "packet of an offloaded flow, {}"


@dataclass(frozen=True)
class Measured:
    """Guest microseconds per packet, mean of the directions measured, and the packets of them that were slow.

    `around`: what the generator and the cable before the router took of each direction, the same for every ruleset.
    """

    microseconds: Figure
    slow: int
    around: tuple[Figure, ...]


def fw4_devices(lab: House) -> list[str]:
    """What fw4 lists with software offload."""
    sides = [ends for ends in lab.ends.values() if ends.proto not in {"", "wireguard"}]
    return sorted({ends.parent or ends.l3 for ends in sides})


def fw4_offloads(lab: House) -> None:
    """Give the loaded firewall fw4's flowtable and its one rule, first in chain forward (ruleset.uc)."""
    named = ", ".join(f'"{device}"' for device in fw4_devices(lab))
    lab.router.nft(f"add flowtable inet fw4 ft {{ hook ingress priority 0; devices = {{ {named} }}; counter; }}")
    lab.router.nft("insert rule inet fw4 forward meta l4proto { tcp, udp } flow offload @ft")


def cables(router: Namespace, host: Namespace) -> list[tuple[str, str]]:
    """The cables between the two, as (router's device, host's device)."""
    links = json.loads(router.run("ip", "-j", "link", "show", "type", "veth"))
    names = {link["ifindex"]: link["ifname"] for link in links}
    ends = json.loads(host.run("ip", "-j", "link", "show", "type", "veth"))
    return [(names[end["link_index"]], end["ifname"]) for end in ends if end.get("link_index") in names]


def measured(lab: House, src: str, dest: str, before: Measured | None = None) -> Measured:
    """Both directions of a flow from src to dest, or the first where the other cannot be generated.

    `before`: what was measured of the two in this network with other rules.
    """
    lab.router.run("conntrack", "-F")
    near, far = lab.hosts[src], lab.hosts[dest]
    ends = lab.ends[src], lab.ends[dest]
    macs = [lab.router.mac(end.l3) if end.l3 not in ONE_WAY else "" for end in ends]
    opener, other = End(near, ends[0].far), End(far, ends[1].far)
    forth, back = establish(lab.router, opener, other, lab.target(dest).address, near_mac=macs[0], far_mac=macs[1])
    # what goes into a tunnel comes out of the cable of the host that carries it
    wired = far if cables(lab.router, far) else lab.hosts["wan"]
    sides = [cables(lab.router, host) for host in (near, wired)]
    router_sinks = [Sink(lab.router, tuple(mine for mine, _ in side)) for side in sides]
    host_sinks = [
        Sink(host, tuple(theirs for _, theirs in side)) for host, side in zip((near, wired), sides, strict=True)
    ]
    lab.router.nft(COUNTER)
    forth, back = (replace(flow, workers=ends[1].l3 in BY_WORKERS) for flow in (forth, back))
    directions = [(forth, router_sinks[0], host_sinks[1])]
    if ends[1].l3 not in ONE_WAY:
        directions.append((back, router_sinks[1], host_sinks[0]))
    for flow, _, _ in directions:
        blast(flow, WARM)
    without = before.around if before else tuple(dropped(flow, around) for flow, around, _ in directions)
    whole = [dropped(flow, beyond) for flow, _, beyond in directions]
    figure = mean([each - part for each, part in zip(whole, without, strict=True)])
    listing = json.loads(lab.router.run("nft", "-j", "list", "table", "inet", "bench_slow"))["nftables"]
    slow = next(each["rule"]["expr"][0]["counter"]["packets"] for each in listing if "rule" in each)
    lab.router.nft("delete table inet bench_slow")
    return Measured(figure, slow, without)


def compare(lab: House, topology: Topology) -> tuple[Measured, Measured]:
    """Measure fw4's flowtable and ours on the same network, and print the row."""
    fw4_offloads(lab)
    fw4 = measured(lab, *topology.tried)
    lab.router.nft("flush chain inet fw4 forward; delete flowtable inet fw4 ft; add rule inet fw4 forward accept")
    decision = decided(lab.router, observed(lab.router))
    for table in decision.plan.tables:
        assert set(table.devices) == set(topology.listed.split()), table.devices
    applied(lab.router, decision)
    ours = measured(lab, *topology.tried, before=fw4)
    if ours.slow >= WARM:  # late news of the network made the kernel drop its flows
        ours = measured(lab, *topology.tried, before=fw4)
    return fw4, ours


def row(lab: House, name: str) -> Row:
    """The row of a topology. AssertionError, OSError or CalledProcessError: it cannot be measured."""
    topology, work = TOPOLOGIES[name], WORK.format(name)
    with lab.shaped(topology.shape):
        if name in BY_RADIO:
            same = fw4_devices(lab) == sorted(topology.listed.split())
            return missing(work, f"by radio, with {'the same' if same else 'another'} list as fw4")
        fw4, ours = compare(lab, topology)
    print(f"{name}: slow packets: fw4 {fw4.slow}, ours {ours.slow}", flush=True)
    assert ours.slow < WARM, f"{ours.slow} packets took the slow path with our list"
    figures = (fw4.microseconds, ours.microseconds)
    return against(work, "fw4 software", "us", figures, GOALS.get(name, GOAL), "counted instructions")


def main() -> None:
    """Print a row for each topology."""
    chosen = os.environ.get("BENCH_TOPOLOGIES", "").split() or TOPOLOGIES
    with house() as lab:
        for name in chosen:
            try:
                row(lab, name).show()
            except (AssertionError, OSError, CalledProcessError) as failure:  # the other lines do not depend on it
                missing(WORK.format(name), str(failure)).show()


if __name__ == "__main__":
    main()
