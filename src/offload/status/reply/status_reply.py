"""The replies of `status` and `zones` as JSON, from the Plan and live connections. Pure.

Other programs read these: keys may be added, but never renamed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from offload.model.applied import Applied
from offload.model.config import Mode
from offload.model.flow import Share, State
from offload.model.network import Kernel, Snapshot
from offload.model.plan import DeviceDecision, PairDecision, Plan, ZoneDecision
from offload.model.problems.problem import Problem
from offload.status.hardware.pair_hardware import PairHardware
from offload.status.hardware.verdicts import NO_VERDICTS, Verdicts
from offload.status.problem_json import problem_json
from offload.status.reply.reasons_json import reasons_json
from offload.status.shares import Pair, no_share

Json = dict[str, Any]


def status_json(
    plan: Plan,
    snapshot: Snapshot,
    problems: Iterable[Problem],
    shares: Mapping[Pair, Share],
    applied: Applied,
    verdicts: Verdicts = NO_VERDICTS,
) -> Json:
    """The reply of the method `status` as JSON: firewall, kernel, zones, pairs, devices, problems and the last change.

    `shares`: live flows and their bytes by pair of zones; a pair that is not in it has none. `applied`: the last change
    of the kernel, and the error of the last attempt. `verdicts`: what live flows showed of hardware.
    """
    return {
        "ok": True,
        "firewall": snapshot.firewall,
        "kernel": kernel_json(snapshot.kernel),
        "zones": [zone_json(zone) for zone in plan.zones],
        "pairs": [pair_json(pair, shares.get((pair.src, pair.dest)) or no_share(), verdicts) for pair in plan.pairs],
        "devices": [device_json(device, verdicts) for device in plan.devices],
        "problems": [problem_json(problem) for problem in problems],
        "applied": {
            "generation": applied.generation,
            "time": applied.time,
            "changes": applied.changes,
            "error": applied.error,
        },
    }


def zones_json(plan: Plan) -> Json:
    """The reply of the method `zones` as JSON: `zones` (each as `zone_json`), and `pairs`.

    A pair is `{"src": ZONE, "dest": ZONE, "mode": requested mode, "effective": effective mode}`.
    """
    pairs = [
        {"src": pair.src, "dest": pair.dest, "mode": pair.mode.value, "effective": pair.effective.value}
        for pair in plan.pairs
    ]
    return {"ok": True, "zones": [zone_json(zone) for zone in plan.zones], "pairs": pairs}


def kernel_json(kernel: Kernel) -> Json:
    """The features of kernel and nft as JSON. `flowtable`: whether they can offload at all.

    `nft`: the version of nft; empty: not known. `missing`: a sentence for each feature that was found to be missing.
    """
    return {
        "release": kernel.release,
        "flowtable": kernel.flowtable,
        "nft": kernel.nft,
        "missing": [str(lack) for lack in kernel.missing],
    }


def zone_json(zone: ZoneDecision) -> Json:
    """A zone as JSON: requested mode (`mode`), effective mode, layer 3 devices, and `reasons` as `reasons_json`.

    `chosen`: whether the zone has a mode of its own; if not, `mode` is that of `config globals`.
    """
    return {
        "name": zone.name,
        "mode": zone.mode.value,
        "chosen": zone.chosen,
        "effective": zone.effective.value,
        "devices": list(zone.devices),
        "reasons": reasons_json(zone.reasons),
    }


def pair_json(pair: PairDecision, share: Share, verdicts: Verdicts) -> Json:
    """A pair of zones as JSON: its modes, `reasons`, and the live `flows` and `bytes` in `share` as `{PATH: number}`.

    `hardware`: `{"proof": verdict on the pair, "since": ISO 8601 or null, "flows", "packets", "strays", "stayed":
    numbers, "frozen": bool, "reasons": [...]}`, as the samples of its flows show (PairHardware). `stations`:
    `{"hardware": number of known stations, "software": number, "ports": [ports without hardware]}`; null if the pair is
    not in hardware, or no bridge port decides between hardware and software.
    """
    return {
        "src": pair.src,
        "dest": pair.dest,
        "mode": pair.mode.value,
        "effective": pair.effective.value,
        "family": pair.family.value,
        "after_packets": pair.after_packets,
        "reasons": reasons_json(pair.reasons),
        "flows": {state.value: share.flows[state] for state in State},
        "bytes": {state.value: share.bytes[state] for state in State},
        "hardware": _hardware(pair, verdicts),
        "stations": _stations(pair),
    }


def _stations(pair: PairDecision) -> Json | None:
    found = pair.stations
    if found is None or pair.effective is not Mode.HARDWARE:
        return None
    return {"hardware": found.hardware, "software": found.software, "ports": list(found.ports)}


def _hardware(pair: PairDecision, verdicts: Verdicts) -> Json:
    case = verdicts.cases.get((pair.src, pair.dest)) or PairHardware(())
    return {
        "proof": verdicts.of_pair(pair).value,
        "since": case.since or None,
        "flows": case.in_hardware,
        "packets": case.moved,
        "strays": case.strays,
        "stayed": sum(len(flows) for flows in case.stayed.values()),
        "frozen": case.frozen,
        "reasons": reasons_json(case.reasons),
    }


def device_json(device: DeviceDecision, verdicts: Verdicts) -> Json:
    """A device as JSON: `name`, `zones`, `flowtables` that list it, `hardware` (the verdict on it) and `reasons`.

    `zone`: the only one of `zones`; null if there are none or several. `stations`: number of stations seen at this
    bridge port; null if no port decides between hardware and software.
    """
    return {
        "name": device.name,
        "zone": device.zones[0] if len(device.zones) == 1 else None,
        "zones": list(device.zones),
        "flowtables": list(device.flowtables),
        "hardware": verdicts.of_device(device).value,
        "stations": device.stations,
        "reasons": reasons_json(device.reasons),
    }
