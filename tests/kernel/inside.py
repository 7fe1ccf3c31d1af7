"""The steps of a pass (observe, decide, apply) as calls in this process, for tests that make many passes.

A user runs the command, as `Router.offload` does. These functions are its code, on the same files and in the same
network namespace.
"""

import json
import os
import pickle
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from kernel.lab import Router
from offload.compiler.firewall.ruleset import Compiled
from offload.compiler.offload.tables.render import render
from offload.model.applied import Applied
from offload.model.network import Kernel, Snapshot
from offload.model.plan import Plan
from offload.service import reconcile
from offload.service.firewall.inputs import compiled, read
from offload.service.hardware.hardware_probe import HardwareProbe
from offload.service.read_snapshot import observe
from offload.service.reconcile import Decided
from offload.service.roaming.stations import StationTracker
from offload.system.config.uci import Uci
from offload.system.firewall_files import FakeFirewallFiles
from offload.system.kernel import conntrack_max, modules, release
from offload.system.netlink.route.links import Netlink
from offload.system.nft.door import Nft
from offload.system.nft.probe import probe

T = TypeVar("T")

NETIFD = "network.interface~dump.json"


def observed(router: Router) -> Snapshot:
    """A snapshot of the router, read in its namespace."""
    dump, shown = json.loads((router.replies / NETIFD).read_text()), devices_of(router)
    with router.entered():
        seen = observe(dump, Netlink(shown), Nft(), capability())
        return HardwareProbe().probe(seen, reconcile.read(Uci(router.config)), Netlink(), Nft())


def devices_of(router: Router) -> Path:
    """Where sysfs shows the router's devices: it shows those of the namespace that mounted it."""
    sysfs = Path("/run", f"{router.name}.sys")
    if not sysfs.exists():
        sysfs.mkdir()
        router.run("mount", "-t", "sysfs", "sysfs", str(sysfs))
    return sysfs / "class/net"


def asked(router: Router) -> Compiled:
    """The ruleset compiled from its /etc/config/firewall."""
    sections, dump = Uci(router.config).read("firewall"), json.loads((router.replies / NETIFD).read_text())
    assert isinstance(sections, tuple)
    return compiled(read(sections, dump, None, FakeFirewallFiles(), frozenset(), {}, ()))


@cache
def capability() -> Kernel:
    """The kernel's features, probed once, as a service does."""
    return probe(Nft(), release(), modules(), conntrack_max())


def moved(before: Snapshot, after: Snapshot, plan: Plan) -> tuple[str, ...]:
    """The tables that the service would return for the stations that moved between two snapshots."""
    tracker = StationTracker()
    tracker.update(before)
    tracker.update(after)
    return tracker.moves.tables_to_return(plan, 0.0)


def decided(router: Router, snapshot: Snapshot) -> Decided:
    """The product's decision for the router's configuration and this snapshot."""
    return reconcile.decide(reconcile.read(Uci(router.config)), snapshot)


def applied(router: Router, decision: Decided, forced: Iterable[str] = ()) -> Applied:
    """Bring the kernel to the decision, and return the tables named in `forced`."""
    with router.entered():
        done = reconcile.apply(decision, Nft(), forced=forced)
    assert not done.error, done.error
    return done


def choose(router: Router, mode: str, more: str = "") -> None:
    """Give every zone this mode, with `more` options of `config globals`, and bring the kernel there."""
    router.write("offload", f"config globals 'globals'\n\toption mode '{mode}'\n{more}")
    applied(router, decided(router, observed(router)))


def again(router: Router, decision: Decided, tables: Iterable[str]) -> Applied:
    """Return these tables as they were decided, as the service does when a station moved."""
    with router.entered():
        done = reconcile.again(decision, Nft(), Applied(), tables)
    assert not done.error, done.error
    return done


def listing(plan: Plan, *devices: str) -> str:
    """The ruleset of a plan with other devices in its flowtable."""
    return render(replace(plan, tables=tuple(replace(table, devices=tuple(devices)) for table in plan.tables)))


def in_fork(run: Callable[[], T]) -> T:
    """Call `run` in a copy of this process, so that it and the threads here do not wait for each other."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(run(), pipe)
        except BaseException:  # noqa: BLE001  # a fork must never return into the test that made it
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answered = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "the fork failed; what it printed says why"
    answer: T = pickle.loads(answered)  # noqa: S301  # from ourselves
    return answer
