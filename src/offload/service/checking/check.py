"""The ubus method `check`: faults of the configuration, kernel and firewall, and why the last pass failed."""

from collections.abc import Mapping
from typing import Any

from offload.nouns import replace
from offload.service import reconcile
from offload.service.bus.methods import last_decision
from offload.service.checking.nft_files import with_unloaded
from offload.service.engine import Engine
from offload.status.reply.check_reply import check_json


def check(engine: Engine, _: Mapping[str, Any]) -> dict[str, Any]:
    """The reply of `check`: faults of configuration and firewall, missing features, and conflicts with offload.

    Its lists are those of `check_json`. The configuration files are read anew, and a dry run of nft reads the nft files
    that the firewall includes; the rest of the router is as the last pass read it. `firewall`: faults of sections and
    nft files, found when our ruleset was compiled or loaded last. `failed`: why the last pass or load failed, or files
    for the next start cannot be written, unless `problems` says it. OffloadError before the first decision.
    """
    seen = last_decision(engine).snapshot
    uncounted = (*seen.uncounted, *engine.hardware_monitor.uncounted)
    decided = engine.decide(reconcile.read(engine.doors.uci), replace(seen, uncounted=uncounted))
    faults = engine.firewall.problems if engine.firewall else ()
    found = reconcile.findings(with_unloaded(decided, engine.doors), engine.doors.uci, served=engine.resident)
    failed = (engine.applied.error, *((engine.firewall.error, engine.firewall.unkept) if engine.firewall else ()))
    return check_json(decided.problems, seen.kernel, found, faults, decided.plan.pairs, filter(None, failed))
