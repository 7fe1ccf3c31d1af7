"""What a packet of a flow in hardware costs the router's CPU, against the software fast path. Run by `make bench`.

The emulated engine works on the CPU. Its time is counted and reported separately, because on a router that is the
chip's work.
"""

from bench.established import End, Flow, establish
from bench.pktgen import WARM, Sink, blast, dropped
from bench.rows import Figure, against, mean
from kernel import chip
from kernel.house import House, Shape, house
from kernel.sides import bridge

SHAPE = Shape({"lan": bridge(chip.port("lan1")), "wan": chip.port("wan")})
CHOICE = "config globals 'globals'\n\toption mode '{}'\n"
COUNT, GOAL = 5_000, 0.10  # packets of a run
MANY = 2 * COUNT  # where the engine takes part: what it took differs by 10 ns a packet from run to run
NEVER = 0.0  # so the median of several runs counts
AGREED = 0.0005  # of all that a packet takes, the generator included, few instructions are left to compare
FROM = {"lan1": "lan", "wan": "wan"}  # a device of the router and the host at its far end


def flows(lab: House) -> dict[str, Flow]:
    """Both directions of a new flow, by the device that its packets come in on."""
    lab.router.run("conntrack", "-F")
    near, far = (End(lab.hosts[name], "eth0") for name in ("lan", "wan"))
    macs = {"near_mac": lab.router.mac("br-lan"), "far_mac": lab.router.mac("wan")}
    forth, back = establish(lab.router, near, far, lab.target("wan").address, **macs)
    return {"lan1": forth, "wan": back}


def emulation(lab: House, device: str) -> tuple[int, float]:
    """Packets the engine has forwarded so far, and microseconds it took."""
    counted = chip.count(lab.router, device)
    return counted.forwarded, counted.nanoseconds / 1000


def around(lab: House) -> dict[str, Figure]:
    """What the generator and the near cable take, by the router's device, where the engine forwards nothing."""
    lab.router.write("offload", CHOICE.format("software"))
    lab.router.offload("apply")
    found = {}
    for device, flow in flows(lab).items():
        blast(flow, WARM)
        found[device] = dropped(flow, Sink(lab.router, (device,)), COUNT, AGREED)
    return found


def through(lab: House, device: str, flow: Flow) -> Figure:
    """Guest microseconds per packet from host to host, without those that the emulated chip took."""
    (beyond,) = FROM.keys() - {device}
    blast(flow, WARM)
    sink = Sink(lab.hosts[FROM[beyond]], ("eth0",))
    return dropped(flow, sink, MANY, NEVER, elsewhere=lambda: emulation(lab, device)[1])


def main() -> None:
    """Measure both directions in both modes, and print the row."""
    with house() as lab, lab.shaped(SHAPE):
        without = around(lab)
        software = mean([through(lab, device, flow) - without[device] for device, flow in flows(lab).items()])
        lab.router.write("offload", CHOICE.format("hardware"))
        lab.router.offload("apply")
        emulated = mean([through(lab, device, flow) - without[device] for device, flow in flows(lab).items()])
        forwarded, busy = map(sum, zip(*(emulation(lab, device) for device in FROM), strict=True))
    assert forwarded > 2 * COUNT, f"the engine forwarded {forwarded} packets only"
    print(f"hardware: the emulation took {busy / forwarded:.2f} us per packet", flush=True)
    against(
        "packet of a flow in hardware", "our software", "us", (software, emulated), GOAL, "counted instructions"
    ).show()


if __name__ == "__main__":
    main()
