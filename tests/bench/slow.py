"""What our tables cost packets that stay slow, and first packets, beside fw4's own ruleset. Run by `make bench`.

fw4's ruleset is read from BENCH_BASELINES as bench.compile reads it, with the name of the WAN device changed. "Both
tables": the software table a second time, at the place of the hardware table; whether the flowtable has `flags offload`
does not concern packets that are not in it, and the rule that only the hardware table has is for established packets of
its pairs.
"""

from collections.abc import Callable
from operator import attrgetter

from bench.compile import BASELINES, HELPER
from bench.counted import first_packet
from bench.established import End, Flow, establish
from bench.pktgen import Sink, cost
from bench.rows import Figure, against, mean, missing, repeated
from kernel.lab import Home, home

CASE = "fw4/default-none/fw4.nft"
METHOD = "counted instructions"
ALONE, OFFLOADING = "fw4", "fw4 software"
SECOND = "flow_offload_hw"


def fw4() -> str:
    """fw4's ruleset for the default configuration, without helpers and includes of files."""
    text = HELPER.sub("", (BASELINES / CASE).read_text()).replace("pppoe-wan", "wan")
    return "".join(line for line in text.splitlines(keepends=True) if "include" not in line)


def connection(lab: Home) -> tuple[Flow, Flow]:
    """Open a connection from the LAN to the internet: its original direction, and its replies."""
    near, far = End(lab.client, "eth0"), End(lab.server, "eth0")
    macs = lab.router.mac("br-lan"), lab.router.mac("wan")
    return establish(lab.router, near, far, lab.internet4.address, near_mac=macs[0], far_mac=macs[1])


def slow(lab: Home) -> Figure:
    """Guest microseconds per packet of an established connection, mean of both directions."""
    forth = Sink(lab.router, ("lan1",)), Sink(lab.server, ("eth0",))
    back = Sink(lab.router, ("wan",)), Sink(lab.client, ("eth0",))
    return mean([cost(flow, *sinks) for flow, sinks in zip(connection(lab), (forth, back), strict=True)])


def first(lab: Home) -> Figure:
    """Guest microseconds for the first packet of a connection."""
    flow, _ = connection(lab)
    return repeated(lambda: first_packet(flow, (Sink(lab.router, ("lan1",)), Sink(lab.server, ("eth0",))), lab.router))


def twice(lab: Home) -> None:
    """Load the software table once more as the hardware table."""
    text = lab.router.run("nft", "list", "table", "inet", "flow_offload")
    second = text.replace("table inet flow_offload {", f"table inet {SECOND} {{", 1)
    second = second.replace("priority filter + 10;", "priority filter + 9;")
    lab.router.nft(second.replace("hook ingress priority filter", "hook ingress priority filter + 1"))


def measured(lab: Home, measure: Callable[[Home], Figure]) -> tuple[Figure, Figure]:
    """Figures of one kind of packet with the software table, and with both; afterwards neither is there."""
    lab.router.offload("apply")
    one = measure(lab)
    twice(lab)
    both = measure(lab)
    lab.router.nft(f"delete table inet {SECOND}; delete table inet flow_offload")
    return one, both


def show(work: str, peer: Figure, name: str, ours: tuple[Figure, Figure], goals: tuple[float, float]) -> None:
    """Print the rows of one kind of packet."""
    for what, figure, goal in zip(("one table", "both tables"), ours, goals, strict=True):
        against(f"{work}, {what}", name, "us", (peer, figure), goal, METHOD).show()


def main() -> None:
    """Print four rows."""
    if not (BASELINES / CASE).exists():
        missing("slow packet of a pair in mode none", f"no {CASE} in BENCH_BASELINES={BASELINES}").show()
        return
    with home() as lab:
        router = lab.router
        router.nft("delete table inet evidence; delete table inet fw4")
        router.nft(fw4())
        before = slow(lab)
        router.nft(
            "add flowtable inet fw4 ft { hook ingress priority 0; devices = { br-lan, wan }; counter; }\n"
            "insert rule inet fw4 forward meta l4proto { tcp, udp } flow offload @ft"
        )
        offloading = first(lab)
        router.nft(f"delete table inet fw4\n{fw4()}")
        show("first packet", offloading, OFFLOADING, measured(lab, first), (1.03, 1.08))
        router.uci("offload", "guest", "mode", "software")
        router.uci("offload", "globals", "mode", "none")
        ours = measured(lab, slow)
        # on 6.1 it was often up to 1 us dearer at the beginning than at the end
        alone = min(before, slow(lab), key=attrgetter("value"))
        show("slow packet of a pair in mode none", alone, ALONE, ours, (1.08, 1.15))


if __name__ == "__main__":
    main()
