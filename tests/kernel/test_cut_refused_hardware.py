"""`option cut_refused` with flows in hardware, and with a firewall that the service loads (offload-firewall)."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.inside import asked
from kernel.lab import HOME, Home, home
from kernel.rates import noted
from kernel.refusals import EARLY, RULE, Call, at_a_time, ended, fast, until
from kernel.resident import Resident, resident
from kernel.test_cut_refused import NEIGHBOURS
from kernel.traffic import Talk
from offload.nft.text import ruleset_text
from offload.service.read_snapshot import FIREWALL_PART

ENGINE = ("lan1", "lan2", "lan3", "wan")
SCRIPT = Path(__file__).parents[2] / "files/usr/lib/offload/firewall"


@pytest.fixture(scope="module", name="engines")
def _engines() -> Iterator[Home]:
    """The network on cables of the emulated hardware."""
    with home(chip.cable) as built:
        yield built


@pytest.fixture(scope="module", params=["fw4", "offload-firewall"], name="running")
def _running(engines: Home, request: pytest.FixtureRequest) -> Iterator[Resident]:
    """The service beside another firewall, or with its own."""
    engines.router.reset()
    engines.router.append("firewall", NEIGHBOURS)
    engines.router.uci("offload", "globals", "cut_refused", "1")
    if request.param == "offload-firewall":
        FIREWALL_PART.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SCRIPT, FIREWALL_PART)
    else:
        load(engines)
    with resident(engines.router) as service:
        service.until(service.devices)
        yield service
    FIREWALL_PART.unlink(missing_ok=True)
    engines.router.nft("delete table inet fw4\n" + (HOME / "firewall.nft").read_text())


@pytest.fixture(params=["software", "hardware"], name="mode")
def _mode(engines: Home, running: Resident, request: pytest.FixtureRequest) -> Iterator[str]:
    mode = str(request.param)
    before = (engines.router.config / "firewall").read_text()
    engines.router.uci("offload", "globals", "mode", mode)
    changed(engines, running)
    running.quiet()
    yield mode
    engines.router.write("firewall", before)
    changed(engines, running)


def load(lab: Home) -> None:
    """Load the firewall of /etc/config/firewall, in one transaction, as fw4 does."""
    lab.router.nft(ruleset_text(asked(lab.router).ruleset))


def changed(lab: Home, service: Resident) -> float:
    """Let the firewall be what its configuration says now; when nft had loaded it, or was about to."""
    if not FIREWALL_PART.exists():
        load(lab)
    began = time.monotonic()
    assert service.call("reload")["ok"]
    return began


def offloaded(lab: Home, talk: Talk, mode: str) -> Talk:
    """The conversation once it is on the path of the mode."""
    return chip.settled(lab.router, ENGINE, talk) if mode == "hardware" else fast(lab, talk)


def test_a_new_rule_ends_the_live_flows_that_it_refuses(
    engines: Home, running: Resident, mode: str, call: Call
) -> None:
    talks = [offloaded(engines, call(engines.client, engines.internet4, proto), mode) for proto in ("tcp", "udp")]

    def rule() -> float:
        engines.router.append("firewall", RULE)
        return changed(engines, running)

    seconds = ended(engines, call, talks, rule)
    print(f"{mode}: {seconds}")
    noted("new DROP or REJECT rule, cut_refused 1", mode, "at once", f"{max(seconds):.1f} s", "connections end")
    wait_until(lambda: agree(engines), "agreement of conntrack and the hardware")


def test_times_that_begin_or_end_end_the_live_flows_that_are_refused_then(
    engines: Home, running: Resident, mode: str, call: Call
) -> None:
    begin = int(time.time()) + EARLY
    engines.router.append("firewall", at_a_time(begin))
    changed(engines, running)
    running.quiet()
    talks = [offloaded(engines, call(engines.client, engines.internet4, proto), mode) for proto in ("tcp", "udp")]
    no_more, refused = ended(engines, call, talks, lambda: until(begin))
    print(f"{mode}: {no_more} {refused}")
    for what, seconds in (("begins", refused), ("that accepts ends", no_more)):
        noted(f"time window of a rule {what}, cut_refused 1", mode, "at once", f"{seconds:.1f} s", "connections end")


def agree(lab: Home) -> bool:
    """Whether the emulated hardware has two rules for each connection that carries its mark."""
    return chip.rules(lab.router, *ENGINE) == 2 * lab.router.run("conntrack", "-L").count("[HW_OFFLOAD]")
