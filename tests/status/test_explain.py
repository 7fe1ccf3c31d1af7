"""The trace of a connection: every condition with its fact, and the same conclusion as the list of flows has."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path

import pytest

from kernel.scenes import LIVE, NOT_LIVE
from offload.cli.router import Router
from offload.model.flow import IPS_ASSURED, IPS_OFFLOAD, IPS_SEEN_REPLY, Entry
from offload.model.network import Leaving, Neighbour
from offload.model.plan import DeviceDecision, PairDecision, Plan
from offload.model.problems.reason import ReasonCode
from offload.status.flows import flows
from offload.status.hardware.evicted import Evicted
from offload.status.hardware.pair_hardware import FLOWS, PACKETS, PairHardware, Verdict
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.text.explain_text import explain_text
from offload.status.why.conditions import NAMED, STEPS
from offload.status.why.expected import expected_json
from offload.status.why.explain import Explanation, between, explain, explanation_json
from offload.status.why.reasons import Lookups
from offload.status.why.step import Holds, Live, Step
from status.routers import HOME, entry, plan
from status.test_asked import PLAN as MIXED_PLAN
from status.test_asked import ROUTER as MIXED
from status.test_reasons import CASES, FAST, HARD, LAN_WAN, LESS

ROUTES = "192.168.1.50 by 192.168.1.0/24 on br-lan; 198.51.100.9 by 0.0.0.0/0 on wan"
GOLDEN, KERNEL = (Path(__file__).parents[1] / folder for folder in ("golden", "kernel"))
ROUTERS = sorted(path.parent.name for path in GOLDEN.glob("*/snapshot.json"))


@pytest.mark.parametrize(("connection", "decision", "why", "words"), CASES.values(), ids=CASES)
def test_the_conclusion_is_the_one_of_the_list(
    connection: Entry, decision: PairDecision, why: ReasonCode | None, words: str
) -> None:
    del words
    found = explain(connection, HOME, plan(decision))
    (flow,) = flows([connection], HOME, plan(decision), everything=True)
    assert found.reason == (flow.reasons[0] if flow.reasons else None)
    failed = [
        step.name for step in found.steps if step.holds is Holds.NO and step.name not in {"sending", "path", "hardware"}
    ]
    conditions = {code for step in found.steps if step.name in failed for code in (each.code for each in step.reasons)}
    if why is not None and why is not ReasonCode.WAITING and not connection.status & IPS_OFFLOAD:
        assert why in conditions
    else:
        assert not failed


def test_every_condition_has_its_step_and_every_step_a_fact() -> None:
    every = list(ReasonCode)
    of_a_flow = set(every[every.index(ReasonCode.NOT_OFFLOADABLE) : every.index(ReasonCode.HARDWARE_AWAITED)])
    assert of_a_flow - {ReasonCode.PAIR_UNKNOWN} <= NAMED
    assert [step.name for step in explain(entry(LAN_WAN), HOME, plan(FAST)).steps] == [
        *(name for name, _, _ in STEPS),
        "route",
        "neighbour",
        "mtu",
        "sending",
        "path",
        "hardware",
    ]


def test_without_a_pair_nothing_behind_it_was_asked() -> None:
    found = {step.name: step.holds for step in explain(entry("192.168.2.50 > 192.0.2.1"), HOME, plan(FAST)).steps}
    assert (found["protocol"], found["pair"]) == (Holds.YES, Holds.NO)
    assert {found[name] for name in ("family", "exempt", "helper", "packets")} == {Holds.UNASKED}


def test_without_a_zone_no_pair_is_asked_about() -> None:
    zones = tuple(zone for zone in plan().zones if zone.name != "wan")
    found = explain(entry(LAN_WAN), HOME, plan(FAST, zones=zones))
    steps = {step.name: step for step in found.steps}
    assert steps["destination"].holds is Holds.NO
    assert (steps["pair"].holds, steps["pair"].reasons, steps["pair"].fact) == (Holds.UNASKED, (), "")
    assert "None" not in "".join(reason.text for step in found.steps for reason in step.reasons)


def test_each_end_without_a_zone_is_the_step_that_does_not_hold() -> None:
    zones = tuple(zone for zone in plan().zones if zone.name != "lan")
    found = {step.name: step.holds for step in explain(entry(LAN_WAN), HOME, plan(FAST, zones=zones)).steps}
    assert (found["source"], found["destination"]) == (Holds.NO, Holds.YES)
    found = {step.name: step.holds for step in explain(entry(LAN_WAN), HOME, plan(FAST, zones=())).steps}
    assert (found["source"], found["destination"]) == (Holds.NO, Holds.NO)


def test_a_connection_that_does_not_exist_is_explained_by_what_it_would_get() -> None:
    found = explain(entry(LAN_WAN), HOME, plan(FAST), hypothetical=True)
    assert found.sentence.startswith("It would be fast in software")
    slow = explain(entry("192.168.1.50 > 192.0.2.1", proto=1), HOME, plan(FAST), hypothetical=True)
    assert slow.sentence.startswith("It would stay slow: only TCP, UDP")


def test_a_connection_that_would_be_in_software_says_why_not_in_hardware() -> None:
    """Also if its pair is not, as for a host without connections."""
    found = explain(entry(LAN_WAN), HOME, plan(LESS), hypothetical=True)
    assert found.sentence.endswith(" Not in hardware: hardware does not cover wan, so the pair is software.")
    assert (found.reason, found.remedy) == (LESS.reasons[0], LESS.reasons[0].remedy)
    (new,) = expected_json(ip_network("192.168.1.50"), HOME, plan(LESS))["pairs"]
    assert (new["sentence"], new["code"]) == (found.sentence, "HARDWARE_UNCOVERED")


def test_a_pair_that_left_hardware_has_the_verdict_of_status() -> None:
    left = {("lan", "wan"): PairHardware(("wan",), verdict=Verdict.NONE)}
    (step,) = (each for each in explain(entry(LAN_WAN), HOME, plan(LESS), left).steps if each.name == "hardware")
    assert step.fact == "it was asked for; its pair is impossible"


def test_a_reason_of_a_device_has_its_name() -> None:
    why = ReasonCode.WIRELESS_PORT(master="br-lan")
    devices = tuple(DeviceDecision(name, ("lan",), (), False, (why,)) for name in ("ap0", "ap1"))
    found = explain(entry(LAN_WAN), HOME, replace(plan(FAST), devices=devices))
    (step,) = (each for each in explanation_json(found, {})["steps"] if each["name"] == "devices")
    assert step["reasons"] == [{"code": "WIRELESS_PORT", "text": why.text, "devices": ["ap0", "ap1"]}]
    flow = {"proto": "tcp", "src": "192.168.1.50", "dest": "198.51.100.9", "src_zone": "lan", "dest_zone": "wan"}
    told = explanation_json(found, flow | {"sport": 0, "dport": 0})
    lines = explain_text({"explanations": [told], "total": 1}, 400).splitlines()
    assert f"ap0, ap1: {why.text}" in [line.strip() for line in lines]


@cache
def of_golden_routers() -> tuple[Explanation, ...]:
    """A connection for each pair of each golden router."""
    return tuple(_of_golden_routers())


def _of_golden_routers() -> Iterator[Explanation]:
    for name in ROUTERS:
        decided = Router(GOLDEN / name).decide()
        devices = {zone.name: zone.devices for zone in decided.plan.zones}
        for pair in decided.plan.pairs:
            src, dest = (Endpoint(zone, devices=devices[zone]) for zone in (pair.src, pair.dest))
            yield between(entry(LAN_WAN), src, dest, decided.plan, decided.snapshot)
        for zone, found in devices.items():  # also where the firewall permits nothing
            yield between(entry(LAN_WAN), Endpoint(zone, devices=found), Endpoint(zone), decided.plan, decided.snapshot)


def of_hardware() -> Iterator[Explanation]:
    """What live flows show of a pair in hardware."""
    software, key = entry(LAN_WAN, status=IPS_OFFLOAD), (17, entry(LAN_WAN).original)
    like = frozenset((17, entry(LAN_WAN).original._replace(sport=port)) for port in range(FLOWS))
    stayed = {"ipv4": like}
    cases = (
        PairHardware(("wan",), stayed=stayed),
        PairHardware(("wan",), stayed=stayed, taken=frozenset({"ipv6"})),
        PairHardware(("wan",), ("wan",), stayed=stayed),
        PairHardware(("wan",), stayed=stayed, taken=frozenset({"ipv4"})),
        PairHardware(("wan",), half=PACKETS),
        PairHardware(("wan",), strays=PACKETS),
        PairHardware(("wan",), still=100),
        PairHardware(("wan",), evicted=Evicted({key: 10}, unseen=100.0)),
    )
    for case in cases:
        for connection in (software, entry(LAN_WAN)):
            yield explain(connection, HOME, plan(HARD), {("lan", "wan"): case})


IN_SOFTWARE = ("192.168.1.6 > 198.51.100.1", "192.168.1.7 > 198.51.100.1")
# Those that no connection meets: of the service, and of a device of no zone.
OF_NO_CONNECTION = {
    ReasonCode.NO_FLOWTABLE,
    ReasonCode.NOT_APPLIED,
    ReasonCode.CONFIG_UNREADABLE,
    ReasonCode.REPLIES_FULL,
}


def test_every_reason_has_a_scene_that_explain_answers() -> None:
    scenes = [*of_golden_routers(), *of_hardware()]
    scenes += [explain(entry(each, status=IPS_OFFLOAD), MIXED, MIXED_PLAN) for each in IN_SOFTWARE]
    scenes += [explain(connection, HOME, plan(decision)) for connection, decision, _, _ in CASES.values()]
    zones = tuple(zone for zone in plan().zones if zone.name != "wan")
    scenes.append(explain(entry(LAN_WAN), HOME, plan(FAST, zones=zones)))
    scenes.append(explain(entry(LAN_WAN), HOME, plan(FAST), live=Live(reply_accepted=False)))
    answered = {reason.code for each in scenes for step in each.steps for reason in step.reasons}
    answered |= {each.reason.code for each in scenes if each.reason}
    assert set(ReasonCode) - answered - OF_NO_CONNECTION == set()


def test_every_reason_has_a_live_scene() -> None:
    """Those of the tests that ask `explain` on a real kernel; the import of each adds its own (kernel/scenes.py)."""
    for file in sorted(KERNEL.glob("test_*.py")):
        if "@shows(" in file.read_text():
            import_module(f"kernel.{file.stem}")
    assert set(ReasonCode) - LIVE == NOT_LIVE.keys()


def test_every_answer_has_something_to_do() -> None:
    for found in of_golden_routers():
        assert found.sentence.endswith(".")
        assert found.reason is None or found.remedy


def trace(found: Explanation) -> dict[str, Step]:
    return {step.name: step for step in found.steps}


def test_the_way_of_its_packets_is_shown() -> None:
    found = trace(explain(entry(LAN_WAN), HOME, plan(FAST)))
    assert found["route"].fact == ROUTES and found["route"].holds is Holds.YES
    assert (
        found["neighbour"].holds is Holds.UNASKED
        and "192.168.1.50 is not resolved on br-lan" in found["neighbour"].fact
    )
    seen = replace(HOME, neighbours=(Neighbour("192.168.1.50", "br-lan", "02:00:00:00:00:50"),))
    assert trace(explain(entry(LAN_WAN), seen, plan(FAST)))["neighbour"].fact.startswith(
        "192.168.1.50 is 02:00:00:00:00:50"
    )
    nowhere = replace(HOME, routes=(), addresses=())
    assert trace(explain(entry(LAN_WAN), nowhere, plan(FAST)))["route"].holds is Holds.UNASKED


def test_a_silent_sender_is_named() -> None:
    waiting = entry(LAN_WAN, status=IPS_SEEN_REPLY | IPS_ASSURED)._replace(timeout=100)
    router = replace(HOME, settings={"nf_conntrack_udp_timeout_stream": 120})
    step = trace(explain(waiting, router, plan(FAST)))["sending"]
    assert (step.holds, [each.code for each in step.reasons]) == (Holds.NO, [ReasonCode.WAITING])
    assert "only a packet from 192.168.1.50 offloads it" in step.fact and "passed 20 s ago" in step.fact
    assert "ago" not in trace(explain(waiting._replace(timeout=180), router, plan(FAST)))["sending"].fact
    assert trace(explain(entry(LAN_WAN, status=IPS_OFFLOAD), HOME, plan(FAST)))["sending"].holds is Holds.YES
    assert trace(explain(entry(LAN_WAN, proto=1), HOME, plan(FAST)))["sending"].holds is Holds.UNASKED


def test_a_path_is_no_older_than_the_return_of_its_table() -> None:
    returned = {"flow_offload": "2026-11-01T10:00:00+00:00"}
    fast = trace(explain(entry(LAN_WAN, status=IPS_OFFLOAD), HOME, plan(FAST), returned=returned))["path"]
    assert "since 2026-11-01T10:00:00+00:00 or later" in fast.fact
    assert "since" not in trace(explain(entry(LAN_WAN), HOME, plan(FAST), returned=returned))["path"].fact


def test_a_connection_whose_replies_were_not_accepted_does_not_qualify() -> None:
    found = explain(entry(LAN_WAN), HOME, plan(FAST), live=Live(reply_accepted=False))
    step = trace(found)["reply"]
    assert found.reason is not None and found.reason.code is ReasonCode.REPLY_NOT_ACCEPTED
    assert (step.holds, step.fact) == (Holds.NO, "10 packets came back, and the firewall accepted none lately")
    assert trace(found)["sending"].holds is Holds.UNASKED
    good = explain(entry(LAN_WAN), HOME, plan(FAST), live=Live(reply_accepted=True))
    assert good.reason is not None and good.reason.code is ReasonCode.WAITING
    assert trace(good)["reply"].fact == "10 packets came back, and the firewall accepted one"
    early = explain(entry(LAN_WAN, status=0), HOME, plan(FAST), live=Live(reply_accepted=False))
    assert early.reason is not None and early.reason.code is ReasonCode.NO_REPLY


def test_the_longest_packet_that_is_fast_is_shown() -> None:
    leaves = {bytes((192, 168, 1, 50)): Leaving("br-lan", 1500), bytes((198, 51, 100, 9)): Leaving("wan", 1500, 1400)}
    known = trace(explain(entry(LAN_WAN), HOME, plan(FAST), live=Live(leaves=leaves)))["mtu"]
    assert known.holds is Holds.YES
    assert known.fact == (
        "up to 1500 bytes to 192.168.1.50 on br-lan; up to 1400 bytes by its route to 198.51.100.9 on wan; "
        "longer packets are slow"
    )
    unknown = trace(explain(entry(LAN_WAN), HOME, plan(FAST)))["mtu"]
    assert unknown.holds is Holds.UNASKED and "the MTU to 192.168.1.50 is not known" in unknown.fact


def test_a_plan_without_tables_is_explained_too() -> None:
    assert explain(entry(LAN_WAN), HOME, Plan()).reason is not None
    assert Lookups.of(Plan(), HOME)
