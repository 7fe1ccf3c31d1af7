"""What a packet of a flow in hardware costs the router's CPU, against the software fast path. Run by `make bench`.

The emulated engine works on the CPU. Its time is counted and reported separately, because on a router that is the
chip's work.
"""

from bench.pktgen import End, Flow, Sink, blast, establish
from bench.rows import Figure, against
from kernel import chip
from kernel.house import House, Shape, house
from kernel.sides import bridge

SHAPE = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("wan")})
CHOICE = "config globals 'globals'\n\toption mode '{}'\n"
COUNT, GOAL = 10_000, 0.10
FROM = {"lan1": "lan", "wan": "wan"}  # a device of the router and the host at its far end


def flows(lab: House) -> dict[str, Flow]:
    """Both directions of a new flow, by the device that its packets come in on."""
    lab.router.run("conntrack", "-F")
    near, far = (End(lab.hosts[name], "eth0") for name in ("lan", "wan"))
    macs = {"near_mac": lab.router.mac("br-lan"), "far_mac": lab.router.mac("wan")}
    forth, back = establish(lab.router, near, far, lab.target("wan").address, **macs)
    return {"lan1": forth, "wan": back}


def emulation(lab: House, device: str) -> tuple[int, int]:
    """Packets the engine has forwarded so far, and microseconds it took."""
    counted = chip.count(lab.router, device)
    return counted.forwarded, counted.nanoseconds // 1000


def through(lab: House, device: str, flow: Flow) -> tuple[float, float]:
    """Guest microseconds per packet from host to host, and those of them that the emulated chip took."""
    (beyond,) = FROM.keys() - {device}
    blast(flow, 500)
    packets, busy = emulation(lab, device)
    with Sink(lab.hosts[FROM[beyond]], ("eth0",)).dropping():
        all_of_it = blast(flow, COUNT)
    after, later = emulation(lab, device)
    return all_of_it, (later - busy) / max(1, after - packets)


def main() -> None:
    """Measure both directions in both modes, and print the row."""
    figures: dict[str, list[float]] = {"software": [], "hardware": [], "chip": []}
    with house() as lab, lab.shaped(SHAPE):
        lab.router.write("offload", CHOICE.format("software"))
        lab.router.offload("apply")
        around = {}
        for device, flow in flows(lab).items():
            blast(flow, 500)
            with Sink(lab.router, (device,)).dropping():
                around[device] = blast(flow, COUNT)
            figures["software"].append(through(lab, device, flow)[0] - around[device])
        lab.router.write("offload", CHOICE.format("hardware"))
        lab.router.offload("apply")
        for device, flow in flows(lab).items():
            figure, busy = through(lab, device, flow)
            figures["hardware"].append(figure - around[device])
            figures["chip"].append(busy)
        forwarded = sum(emulation(lab, device)[0] for device in FROM)
    assert forwarded > 2 * COUNT, f"the engine forwarded {forwarded} packets only"
    software, emulated, taken = (sum(each) / len(each) for each in figures.values())
    print(f"hardware: the emulation took {taken:.2f} us per packet", flush=True)
    both = (Figure(software, 1), Figure(emulated - taken, 1))
    against("packet of a flow in hardware", "our software", "us", both, GOAL, "counted instructions").show()


if __name__ == "__main__":
    main()
