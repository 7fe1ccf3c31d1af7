"""`make demo`: a house in a virtual machine. lan is in hardware, guest is slow; then guest is fast too, with a limit.

Every number is measured when it runs. If the product does not do what it should, it ends with a sentence and status 1.
Without the emulated chip (tests/setup.sh says so) lan is in software, and the rest is the same.
"""

import json
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ubus_cli

from demo.household import CROWD, PORTS, Household, Taken, household
from demo.terminal import BOLD, PLAIN, excerpt, expect, heading, prompt, show, tell
from kernel import chip, lab
from kernel.lab import home
from kernel.netns import cable
from kernel.pace import BYTES
from kernel.resident import Resident, resident

RESULT = Path("build/demo.json")
FAULT = "refuse-ipv6"
ROUNDS = 3
PATIENCE = 60.0  # seconds
LIMITED = 250 * 1024 * 8 / 1e6  # Mbit/s
LIMIT = """table inet limits {
	chain forward {
		type filter hook forward priority -10;
		ip saddr 192.168.3.2 limit rate over 250 kbytes/second burst 10 kbytes drop
	}
}
"""

Status = Mapping[str, Any]


def command(house: Household, *argv: str, only: tuple[str, ...] = ("",)) -> None:
    """Run the product and show what it says, as on a terminal; the service answers."""
    prompt(f"offload {' '.join(argv)}")
    show(excerpt(house.router.offload(*argv), *only))


def ubus_call(house: Household, method: str, **words: str) -> None:
    """Call the service as a script does, and show what it replies."""
    text = json.dumps(words)
    prompt(f"ubus call offload {method} '{text}'")
    program = [sys.executable, ubus_cli.__file__, "-s", str(house.router.socket)]
    reply = house.router.run(*program, "call", "offload", method, text)
    show(reply.expandtabs(4))
    answer = json.loads(reply)
    expect(answer["ok"], answer.get("error", "the service refused"))


def pair(status: Status, src: str) -> Mapping[str, Any]:
    """What `status` says of the zone's traffic to wan."""
    found = (each for each in status["pairs"] if (each["src"], each["dest"]) == (src, "wan"))
    return next(found, {"effective": "missing", "hardware": {"reasons": []}})


def judge(house: Household, taken: Taken, guest: str) -> Status:
    """Check that both zones have their modes, and the counters their packets on these paths; the chip takes no IPv6."""
    status = house.router.status()
    for zone, mode in (("lan", house.best), ("guest", guest)):
        effective = pair(status, zone)["effective"]
        expect(effective == mode, f"{zone} > wan should be {mode}, but is {effective}")
    for (who, version), path in taken.items():
        mode = guest if who == "guest" else house.best
        in_software = version == "IPv6" or who == "lan: phone"
        wanted = "slow path" if mode == "none" else "software" if in_software else mode
        expect(path == wanted, f"{version} of {who} should take this path: {wanted}. It took: {path}")
    return status


def choose(house: Household, stack: ExitStack) -> Resident:
    """Write the choice, start the service, and wait until it has brought the kernel there."""
    heading(f"The choice: {house.best} for every zone, but none for guest")
    house.router.uci("offload", "globals", "mode", house.best)
    show((house.router.config / "offload").read_text().replace("\t", "    "))
    prompt("offload service &")
    service = stack.enter_context(resident(house.router))

    def listed() -> list[str]:
        found = service.status() or {"devices": []}
        return [device["name"] for device in found["devices"] if device["flowtables"]]

    service.until(listed)
    tell(f"It looked around by itself, and its flowtable lists {', '.join(listed())}.")
    return service


def converse(house: Household) -> Status:
    """Traffic, what the product says of it, and what the witnesses say."""
    heading("Everybody talks to the server, through NAT")
    house.talk()
    command(house, "status")
    command(house, "flows")
    if house.on_chip:
        tell(
            "Is that true? There are two witnesses: a counter in front of everybody's firewall chain sees what takes "
            "the slow path, and the chip counts what it forwards. What neither sees is forwarded in software."
        )
    else:
        tell("Is that true? A counter in front of everybody's firewall chain sees what takes the slow path.")
    return judge(house, house.witness(), "none")


def change(house: Household) -> Status:
    """The guest goes to the fast path while it talks."""
    heading("One change: guest may use the fast path, in software")
    ubus_call(house, "set", zone="guest", mode="software")
    house.talk()
    taken = house.witness()
    command(house, "status", only=("PAIR",))
    return judge(house, taken, "software")


def refuse(house: Household, service: Resident) -> None:
    """The service finds out from live flows that the driver takes no IPv6."""
    heading("What the chip refuses")
    tell(
        f"The router does not know that its chip takes no IPv6. The laptop opens {CROWD} connections, as a browser "
        "does, and the service learns it from their packets."
    )
    crowd = house.crowd()
    deadline = time.monotonic() + PATIENCE
    codes: list[str] = []
    while not {"HARDWARE_FAMILY", "HARDWARE_FAMILY_GIVEN_UP"} & set(codes):
        expect(time.monotonic() < deadline, f"IPv6 stays in software, and the reasons are: {codes or 'none'}")
        for talk in (*crowd, *(voice.talk for voice in house.voices)):
            talk.echo(3)
        time.sleep(1)
        found = pair(service.status() or {"pairs": []}, "lan")
        codes = [reason["code"] for reason in (*found.get("reasons", ()), *found["hardware"]["reasons"])]
    for talk in crowd:  # the tables were returned, and packets bring each flow back to its fast path
        talk.echo(3)
    house.talk()
    command(house, "status", only=("PAIR", "DEVICE"))
    tell("These connections are fast all the same, in software, and IPv4 keeps its place in the chip.")


def race(house: Household, service: Resident) -> None:
    """Measure the guest by turns on both paths, so that a busy machine is fair to both."""
    heading(f"How fast: {BYTES}-byte UDP of the guest through NAT, packets per second")
    rates: dict[str, list[float]] = {"none": [], "software": []}
    print(f"{'slow path':>12}{'software':>12}")
    for _ in range(ROUNDS):
        for mode, found in rates.items():
            expect(service.call("set", {"zone": "guest", "mode": mode})["ok"], f"guest could not be set to {mode}")
            found.append(house.measure())
        print(f"{rates['none'][-1]:12,.0f}{rates['software'][-1]:12,.0f}", flush=True)
    times = statistics.median(rates["software"]) / statistics.median(rates["none"])
    print()
    show(f"In software the router forwarded {BOLD}{times:.1f} times{PLAIN} as many packets as on the slow path.")
    emulated = " The chip has no figure: this processor emulates it. On a router it costs the processor nothing."
    tell("Generator and sink are part of it, and cost the same on both." + emulated * house.on_chip)


def limit(house: Household, service: Resident) -> None:
    """A rule that limits a guest holds while guest is offloaded; where `auto_exempt` is 0 offload bypasses it."""
    heading("A limit that offload would bypass")
    tell("A rule limits this guest in a table of its own, as nft-qos makes it. offload needs no configuration for it:")
    prompt("nft -f limits.nft")
    show(LIMIT.expandtabs(4))
    got = {"0": limited(house, service, "0", LIMIT), "1": limited(house, service, "1")}
    command(house, "check")
    expect(got["0"] > 2 * LIMITED, "the limit holds with auto_exempt 0 as well, so this proves nothing")
    near = abs(got["1"] - LIMITED) < LIMITED / 10
    expect(near, f"the guest is limited to {LIMITED:.2f} Mbit/s, and got {got['1']:.2f}")
    show(
        f"Limit {LIMITED:.2f} Mbit/s: the guest gets {BOLD}{got['1']:.2f}{PLAIN}. With auto_exempt 0 it gets "
        f"{got['0']:.2f}.\nOther guests stay in software."
    )


def limited(house: Household, service: Resident, auto_exempt: str, text: str = "") -> float:
    """Mbit/s that the guest gets with this `auto_exempt`, and with this text in nft."""
    house.router.uci("offload", "globals", "auto_exempt", auto_exempt)
    expect(service.call("reload")["ok"], "the service could not reload")
    if text:
        before = generation(service)
        house.router.nft(text)
        service.until(lambda: generation(service) > before)  # live flows were returned to the new rule
    return house.flood()


def generation(service: Resident) -> int:
    """How often the service has changed the kernel."""
    status = service.status()
    return int(status["applied"]["generation"]) if status else 0


def main() -> None:
    started = time.monotonic()
    RESULT.unlink(missing_ok=True)
    on_chip = chip.MODULE.exists()
    print()
    heading(f"A house, its router on Linux {platform.release()}")
    show((lab.__doc__ or "").partition("\n")[2])
    if on_chip:
        tell(
            "The router's ports are those of a switch chip (emulated) that can forward flows by itself, without the "
            "processor. As some do, it takes IPv4 only. A phone is at an access point in the same bridge as the "
            "client, and nothing there offloads."
        )
    tell("Building it ...")
    with home(chip.cable if on_chip else cable) as built, ExitStack() as stack:
        for port in PORTS if on_chip else ():
            stack.enter_context(chip.fault(built.router, port, FAULT))
        house = household(built, stack, on_chip=on_chip)
        service = choose(house, stack)
        before, after = converse(house), change(house)
        if on_chip:
            refuse(house, service)
        race(house, service)
        limit(house, service)
    RESULT.write_text(json.dumps({"before": before, "after": after}, indent=1))
    print(f"{time.monotonic() - started:.0f} seconds. The answers of status are in {RESULT}.")


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, OSError) as failure:  # the product refused, or a conversation broke
        expect(holds=False, sentence=str(failure))
