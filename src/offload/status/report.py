"""The replies of `status` and `flows` as JSON, from the Plan and live connections. Pure.

Other programs read these: keys may be added, but never renamed.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from offload.model.applied import Applied
from offload.model.config import Mode
from offload.model.flow import Flow, Share, State, Tuple
from offload.model.network import Kernel, Snapshot
from offload.model.plan import DeviceDecision, PairDecision, Plan, ZoneDecision
from offload.model.problems.finding import Finding
from offload.model.problems.finding_form import Severity
from offload.model.problems.firewall_problem import REMARKS, FirewallProblem
from offload.model.problems.problem import Problem
from offload.model.problems.reason import Reason, ReasonCode
from offload.status.hardware.pair_hardware import PairHardware
from offload.status.hardware.verdicts import NO_VERDICTS, Verdicts
from offload.status.problem_json import problem_json
from offload.status.shares import Pair, no_share
from offload.status.why.reasons import protocol, tcp_state

Json = dict[str, Any]

IPV4 = 4  # bytes of a packed address
SLOW_PART = {ReasonCode.MARKED_PART, ReasonCode.SUBNETS_PART}  # the user did not choose that a part stays slow


def status_json(
    plan: Plan,
    snapshot: Snapshot,
    problems: Iterable[Problem],
    shares: Mapping[Pair, Share],
    applied: Applied,
    verdicts: Verdicts = NO_VERDICTS,
) -> Json:
    """The reply of the method `status` as JSON: firewall, kernel, zones, pairs, devices, problems and the last change.

    `shares`: live flows and bytes by pair of zones; a pair that is not in it has none. `applied`: the last change of
    the kernel. `verdicts`: what live flows showed of hardware. `ok` is always true.
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
    """The reply of the method `zones` as JSON: zones as of `zone_json`, pairs with `mode` (requested), `effective`."""
    pairs = [
        {"src": pair.src, "dest": pair.dest, "mode": pair.mode.value, "effective": pair.effective.value}
        for pair in plan.pairs
    ]
    return {"ok": True, "zones": [zone_json(zone) for zone in plan.zones], "pairs": pairs}


def check_json(
    problems: Iterable[Problem],
    kernel: Kernel,
    findings: Iterable[Finding] = (),
    firewall: Iterable[FirewallProblem] = (),
    pairs: Iterable[PairDecision] = (),
) -> Json:
    """The reply of the method `check` as JSON; `ok` is true if there is nothing to correct in any part but `slower`.

    The parts: `problems`; `missing`, features that kernel or nft lack; `findings`, settings that conflict with offload
    (of these, notices leave `ok` true); `firewall`, faults in its sections, without mere remarks; `slower`, those of
    `pairs` that get less than was chosen, in whole or in part.
    """
    found, lacks = [problem_json(problem) for problem in problems], [str(lack) for lack in kernel.missing]
    shown = [finding_json(finding) for finding in findings]
    faults = [firewall_problem_json(each) for each in firewall if each.fault not in REMARKS]
    slower = (each for each in pairs if each.effective < each.mode or SLOW_PART & {why.code for why in each.reasons})
    bad = any(each["severity"] == Severity.PROBLEM.value for each in shown)
    return {
        "ok": not (found or lacks or faults or bad),
        "problems": found,
        "missing": lacks,
        "findings": shown,
        "firewall": faults,
        "slower": [{"src": each.src, "dest": each.dest} for each in slower],
    }


def finding_json(finding: Finding) -> Json:
    """A finding (a setting of the router that conflicts with offload) as JSON.

    `done`: what offload did about it; `remedy`: what the user can do; `option`: the option of `config globals` that
    corrects it if set to 1. Each of the three may be empty.
    """
    return {
        "code": finding.code.name,
        "severity": finding.severity.value,
        "text": finding.text,
        "done": finding.done,
        "remedy": finding.remedy,
        "option": finding.option,
    }


def firewall_problem_json(problem: FirewallProblem) -> Json:
    """A fault of a firewall section or file as JSON.

    `place` and `text` together are a sentence, `option` may be empty.
    """
    return {"code": problem.fault.name, "place": problem.place, "option": problem.option, "text": problem.text}


def kernel_json(kernel: Kernel) -> Json:
    """The features of kernel and nft as JSON. `nft` is its version, empty if not known; `flowtable`: whether they work.

    `missing`: a sentence for each missing feature, with the package to install if there is one.
    """
    return {
        "release": kernel.release,
        "flowtable": kernel.flowtable,
        "nft": kernel.nft,
        "missing": [str(lack) for lack in kernel.missing],
    }


def zone_json(zone: ZoneDecision) -> Json:
    """A zone as JSON: requested and effective mode, l3 devices, and Reasons (codes and sentences) why it gets less.

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
    """A pair of zones as JSON: its modes, Reasons for less, and `share`, its live flows and bytes by path.

    `hardware`: what live flows showed of it. `stations`: how many known stations have their flows in hardware and in
    software, and the ports without hardware; null if no bridge port decides between the two.
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
    """A device as JSON: its zones, the flowtables that list it, whether hardware takes its flows, and Reasons for less.

    `zone`: the only one of `zones`; null if there are none or several. `stations`: how many were seen at this bridge
    port; null if no port decides between hardware and software.
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


def reasons_json(reasons: Iterable[Reason]) -> list[Json]:
    """Reasons as JSON, in their order: `code` never changes, `text` and `remedy` are for people.

    `remedy` may be missing.
    """
    return [
        {"code": reason.code.name, "text": reason.text} | ({"remedy": reason.remedy} if reason.remedy else {})
        for reason in reasons
    ]


def flow_json(flow: Flow) -> Json:
    """A flow as JSON. `packets` and `bytes`: of both directions together; null if nf_conntrack_acct is off.

    `reply`: the addresses of its replies, so `reply.src` is the destination after DNAT, `reply.dest` the source after
    SNAT. Null: `timeout` (seconds) and `tcp_state` of offloaded flows, `tcp_state` of other protocols, zones not known.
    """
    entry = flow.entry
    return {
        "family": "ipv4" if len(entry.original.src) == IPV4 else "ipv6",
        "proto": protocol(entry.proto),
        **_ends(entry.original),
        "reply": _ends(entry.reply),
        "src_zone": flow.src_zone,
        "dest_zone": flow.dest_zone,
        "state": flow.state.value,
        "packets": None if entry.packets is None else sum(entry.packets),
        "bytes": None if entry.bytes is None else sum(entry.bytes),
        "timeout": entry.timeout,
        "tcp_state": None if entry.tcp_state is None else tcp_state(entry.tcp_state),
        "mark": entry.mark,
        "ct_zone": entry.original.ct_zone,
        "reasons": reasons_json(flow.reasons),
    }


def _ends(ends: Tuple) -> Json:
    src, dst, sport, dport, _ = ends
    return {"src": address(src), "sport": sport, "dest": address(dst), "dport": dport}


@lru_cache(maxsize=4096)
def address(packed: bytes) -> str:
    """The text of a packed address (4 or 16 bytes)."""
    if len(packed) == IPV4:  # faster: ip_address() takes ten times as long
        return "{}.{}.{}.{}".format(*packed)
    return str(ip_address(packed))
