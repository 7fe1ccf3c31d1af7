"""`make demo`: a house in a virtual machine. lan is on the fast path, guest is not; one change, and guest is too.

Every number is measured here and now. Ends with a sentence and status 1 where the product does not keep its word.
"""

import json
import os
import platform
import statistics
import sys
import textwrap
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ubus_cli

from kernel import lab
from kernel.lab import Home, home
from kernel.netns import Namespace
from kernel.pace import BYTES, Pace
from kernel.resident import resident
from kernel.traffic import Server, Talk, Target

RESULT = Path("build/demo.json")
WIDTH = 78
MESSAGES = 200
PACE_PORT = 7008  # a server of its own: while packets are counted there, nobody gets an answer
PACKETS, ROUNDS = 20_000, 3
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if os.environ.get("FORCE_COLOR") else ("", "", "")

Status = dict[str, Any]


def heading(number: int, text: str) -> None:
    print(f"\n{BOLD}{number}  {text}{PLAIN}\n", flush=True)


def tell(text: str) -> None:
    print(textwrap.fill(text, WIDTH), flush=True)


def show(text: str) -> None:
    print(text.strip("\n"), flush=True)


def expect(holds: bool, sentence: str) -> None:
    if not holds:
        print(f"\nThe demo failed: {sentence}", flush=True)
        sys.exit(1)


def prompt(line: str) -> None:
    print(f"{DIM}${PLAIN} {BOLD}{line}{PLAIN}", flush=True)


def command(home: Home, *argv: str) -> None:
    """Run the product and show what it says, as on a terminal; the service answers."""
    prompt(f"offload {' '.join(argv)}")
    print(home.router.offload(*argv), flush=True)


def serve(home: Home, stack: ExitStack) -> None:
    """Start the service, and wait until it has brought the kernel there."""
    prompt("offload service &")
    service = stack.enter_context(resident(home.router))
    service.until(service.devices)
    tell(f"It looked around by itself, and its flowtable lists {', '.join(service.devices())}.")


def ubus_call(home: Home, method: str, **words: str) -> None:
    """Call the service as a script does, and show what it replies."""
    text = json.dumps(words)
    prompt(f"ubus call offload {method} '{text}'")
    program = [sys.executable, ubus_cli.__file__, "-s", str(home.router.socket)]
    reply = home.router.run(*program, "call", "offload", method, text)
    show(reply.expandtabs(4))
    answer = json.loads(reply)
    expect(answer["ok"], answer.get("error", "the service refused"))


@dataclass
class Household:
    """The conversations that go on during the whole demo."""

    home: Home
    lan: tuple[Talk, ...]
    guest: tuple[Talk, ...]
    paces: dict[str, Pace]

    def talk(self) -> None:
        """Everybody says something, downloads and uploads."""
        for pace in self.paces.values():
            pace.talk.echo(10)
        for talk in (*self.lan, *self.guest):
            talk.echo(MESSAGES // 4)
            if talk.proto == "tcp":
                talk.fetch(1_000_000)
                talk.push(200_000)

    def witness(self) -> dict[str, bool]:
        """Count what the slow path sees of each conversation, tell it, and say which zones are fast."""
        fast: dict[str, bool] = {}
        for zone, talks in (("lan", self.lan), ("guest", self.guest)):
            for talk in talks:
                talk.echo(10)
                with self.home.evidence.watch(talk) as seen:
                    talk.echo(MESSAGES)
                fast[zone] = fast.get(zone, True) and seen.fast(MESSAGES)
                moved, slow = sum(seen.moved), sum(seen.slow)
                version = "IPv6" if ":" in str(talk.near[0]) else "IPv4"
                flow = f"{zone + ' > wan':12} {talk.proto} over {version}"
                show(f"{flow}   {moved:4} packets moved, {slow:4} of them slow")
        return fast

    def measure(self) -> dict[str, float]:
        """Packets per second by zone: the median of some rounds that take turns, so that a busy machine is fair."""
        rounds: dict[str, list[float]] = {zone: [] for zone in self.paces}
        for _ in range(ROUNDS):
            for zone, pace in self.paces.items():
                pace.talk.echo(5)
                rounds[zone].append(pace.measure(PACKETS))
        return {zone: statistics.median(results) for zone, results in rounds.items()}


def household(home: Home, stack: ExitStack) -> Household:
    stack.callback(Server(home.server, PACE_PORT).close)

    def call(host: Namespace, target: Target, proto: Any = "tcp") -> Talk:
        return stack.enter_context(closing(Talk(host, target, proto)))

    def pace(host: Namespace, bridge: str) -> Pace:
        target = Target(home.internet4.address, PACE_PORT)
        return Pace(call(host, target, "udp"), host, home.router.mac(bridge), home.server)

    return Household(
        home,
        lan=(call(home.client, home.internet4), call(home.laptop, home.internet6, "udp")),
        guest=(call(home.guest, home.internet4), call(home.guest, home.internet6, "udp")),
        paces={"lan": pace(home.client, "br-lan"), "guest": pace(home.guest, "br-guest")},
    )


def pair(status: Status, src: str, dest: str) -> dict[str, Any]:
    found = (pair for pair in status["pairs"] if (pair["src"], pair["dest"]) == (src, dest))
    return next(found, {"effective": "missing", "flows": {"slow": 0, "software": 0}})


def judge_before(status: Status, fast: dict[str, bool]) -> None:
    lan, guest = pair(status, "lan", "wan"), pair(status, "guest", "wan")
    expect(lan["effective"] == "software", f"lan > wan should be software, but is {lan['effective']}")
    expect(lan["flows"]["software"] > 0, "no flow of lan > wan is offloaded")
    expect(fast["lan"], "packets of lan > wan took the slow path")
    expect(guest["effective"] == "none", f"guest > wan should be none, but is {guest['effective']}")
    expect(guest["flows"]["slow"] > 0, "guest > wan has no traffic")
    expect(guest["flows"]["software"] == 0, "flows of guest > wan are offloaded, although its mode is none")
    expect(not fast["guest"], "packets of guest > wan took the fast path, although its mode is none")


def judge_after(status: Status, fast: dict[str, bool]) -> None:
    for zone in ("lan", "guest"):
        found = pair(status, zone, "wan")
        expect(found["effective"] == "software", f"{zone} > wan should be software, but is {found['effective']}")
        expect(found["flows"]["software"] > 0, f"no flow of {zone} > wan is offloaded")
        expect(fast[zone], f"packets of {zone} > wan took the slow path")


def compare(before: dict[str, float], after: dict[str, float]) -> None:
    """The rates of one column were measured by turns; between the columns the machine had time to change."""
    show(f"{'':14}{'before':>10}{'after':>16}")
    show(f"{'lan > wan':14}{before['lan']:>10,.0f}  fast{after['lan']:>10,.0f}  fast")
    show(f"{'guest > wan':14}{before['guest']:>10,.0f}  slow{after['guest']:>10,.0f}  fast")
    times = before["lan"] / before["guest"]
    print(f"\nWith offload the router forwarded {BOLD}{times:.1f} times{PLAIN} as many packets as without.")


def main() -> None:
    started = time.monotonic()
    RESULT.unlink(missing_ok=True)
    heading(1, f"A house, its router on Linux {platform.release()}")
    show((lab.__doc__ or "").partition("\n")[2])
    print("\nBuilding it ...", flush=True)
    with home() as built, ExitStack() as stack:
        house = household(built, stack)
        heading(2, "The choice: software for every zone, but none for guest")
        show((built.router.config / "offload").read_text().replace("\t", "    "))
        print()
        serve(built, stack)

        heading(3, "Everybody talks to the server, through NAT")
        house.talk()
        command(built, "status")
        command(built, "flows")
        tell("A counter in front of everybody's firewall chain tells whether that is true:")
        fast = house.witness()
        before = json.loads(built.router.offload("status", "--json"))
        judge_before(before, fast)
        pace = house.measure()

        heading(4, "One change: guest may use the fast path")
        ubus_call(built, "set", zone="guest", mode="software")
        print()
        house.talk()
        fast = house.witness()
        after = json.loads(built.router.offload("status", "--json"))
        print()
        command(built, "status")
        judge_after(after, fast)

        heading(5, f"Packets per second, {BYTES}-byte UDP through NAT, median of {ROUNDS} rounds")
        compare(pace, house.measure())
        tell("This includes generator and sink, which cost the same on both paths.")
    RESULT.write_text(json.dumps({"before": before, "after": after}, indent=1))
    print(f"\n{time.monotonic() - started:.0f} seconds. Both answers of status are in {RESULT}.")


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, OSError) as failure:  # the product refused, or a conversation broke
        expect(holds=False, sentence=str(failure))
