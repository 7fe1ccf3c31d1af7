"""One pass of the product in this process, for tests that take many: observe, decide, apply, each a call.

What a user runs is `Router.offload`. This is what that runs, on the same files and in the same network namespace.
"""

import json
from dataclasses import replace
from pathlib import Path

from kernel.lab import Router
from offload.compiler.render import render
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.service import reconcile
from offload.service.observe import observe
from offload.service.reconcile import Decided
from offload.system.bus import FakeBus
from offload.system.capability import probe
from offload.system.netifd import DUMP
from offload.system.netlink import Netlink, modules, release
from offload.system.nft import Nft
from offload.system.uci import Uci

NETIFD = "network.interface~dump.json"


def observed(router: Router) -> Snapshot:
    """One look at the router."""
    dump = json.loads((router.replies / NETIFD).read_text())
    sysfs = Path("/run", f"{router.name}.sys")  # sysfs shows the devices of the namespace that mounted it
    if not sysfs.exists():
        sysfs.mkdir()
        router.run("mount", "-t", "sysfs", "sysfs", str(sysfs))
    with router.entered():
        nft = Nft()
        snapshot, _ = observe(
            FakeBus({DUMP: dump}), Netlink(sysfs / "class/net"), nft, probe(nft, release(), modules())
        )
    return snapshot


def decided(router: Router, snapshot: Snapshot) -> Decided:
    """What the product decides on the router's configuration."""
    return reconcile.decide(reconcile.read(Uci(router.config)), snapshot)


def applied(router: Router, decision: Decided) -> int:
    """Bring the kernel to the decision; the number of transactions that took."""
    with router.entered():
        done = reconcile.apply(decision, Nft())
    assert not done.error, done.error
    return done.changes


def listing(plan: Plan, *devices: str) -> str:
    """The ruleset of a plan with other devices in its flowtable."""
    return render(replace(plan, tables=tuple(replace(table, devices=tuple(devices)) for table in plan.tables)))
