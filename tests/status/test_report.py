"""The JSON answers: shapes of the design, keys that programs read."""

import json
from dataclasses import replace
from typing import Any

from offload.model.applied import Applied
from offload.model.config import Mode
from offload.model.flow import IPS_DST_NAT, IPS_HW_OFFLOAD, IPS_OFFLOAD, Share, State
from offload.model.network import Kernel, Lack, Snapshot
from offload.model.plan import DeviceDecision, PairStations, Plan
from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import ReasonCode
from offload.status.flows import flows
from offload.status.hardware.pair_hardware import PairHardware, Verdict
from offload.status.hardware.verdicts import Verdicts
from offload.status.reply.flow_reply import flow_json
from offload.status.reply.status_reply import status_json
from offload.status.shares import no_share
from status.routers import HOME, entry, pair, plan, zone

LAN_WAN = ("lan", "wan")
NO_HARDWARE: dict[str, Any] = {
    "proof": "none", "since": None, "flows": 0, "packets": 0, "strays": 0, "stayed": 0, "frozen": False, "reasons": []
}  # fmt: skip
DEVICE = DeviceDecision("br-lan", ("lan",), ("sw",), hardware=False, reasons=())


def share(**counts: int) -> Share:
    found = no_share()
    for name, count in counts.items():
        found.flows[State(name)] = count
        found.bytes[State(name)] = count * 100
    return found


def test_status() -> None:
    decided = Plan(
        zones=(zone("guest", "br-guest", mode=Mode.NONE, reasons=(ReasonCode.MODE_NONE(zone="guest"),)),),
        pairs=(
            pair("lan", "wan", asked=Mode.HARDWARE),
            pair("guest", "wan", Mode.NONE, ReasonCode.MODE_NONE(zone="guest")),
        ),
        devices=(DEVICE,),
    )
    snapshot = Snapshot(
        kernel=Kernel("6.6.73", flowtable=False, nft="1.1.1", missing=(Lack("no flowtables", "kmod-nft-offload"),))
    )
    problem = ProblemCode.UNKNOWN_ZONE.at(
        "offload", "@zone[0]", "name", hint="", value="lam", consequence="it is left out"
    )
    applied = Applied(3, "2026-11-22 20:00:00", 4, "")
    remedy = "choose another: offload set guest software"
    none = [{"code": "MODE_NONE", "text": "mode none was chosen for zone guest", "remedy": remedy}]
    nothing = {"slow": 0, "software": 0, "hardware": 0}
    answer = status_json(decided, snapshot, [problem], {LAN_WAN: share(slow=2, software=7)}, applied)
    assert answer == {
        "ok": True,
        "firewall": "fw4",
        "kernel": {
            "release": "6.6.73",
            "flowtable": False,
            "nft": "1.1.1",
            "missing": ["no flowtables; install kmod-nft-offload"],
        },
        "zones": [
            {
                "name": "guest",
                "mode": "none",
                "chosen": True,
                "effective": "none",
                "devices": ["br-guest"],
                "reasons": none,
            }
        ],
        "pairs": [
            {
                "src": "lan",
                "dest": "wan",
                "mode": "hardware",
                "effective": "software",
                "family": "any",
                "after_packets": 0,
                "reasons": [],
                "flows": {"slow": 2, "software": 7, "hardware": 0},
                "bytes": {"slow": 200, "software": 700, "hardware": 0},
                "hardware": NO_HARDWARE | {"proof": "requested"},
                "stations": None,
            },
            {
                "src": "guest",
                "dest": "wan",
                "mode": "none",
                "effective": "none",
                "family": "any",
                "after_packets": 0,
                "reasons": none,
                "flows": nothing,
                "bytes": nothing,
                "hardware": NO_HARDWARE,
                "stations": None,
            },
        ],
        "devices": [
            {
                "name": "br-lan",
                "zone": "lan",
                "zones": ["lan"],
                "flowtables": ["sw"],
                "hardware": "none",
                "stations": None,
                "reasons": [],
            }
        ],
        "problems": [
            {
                "code": "UNKNOWN_ZONE",
                "file": "offload",
                "section": "@zone[0]",
                "option": "name",
                "line": None,
                "place": "offload.@zone[0].name",
                "text": "no zone 'lam' in /etc/config/firewall; it is left out",
            }
        ],
        "applied": {"generation": 3, "time": "2026-11-22 20:00:00", "changes": 4, "error": ""},
    }
    assert json.loads(json.dumps(answer)) == answer


def test_a_pair_that_is_always_slow_has_no_hardware_verdict() -> None:
    slow = replace(
        pair("lan", "wan", Mode.NONE, ReasonCode.EXEMPT(exempt="exempt e"), asked=Mode.HARDWARE), always_slow=True
    )
    (shown,) = status_json(Plan(pairs=(slow,)), Snapshot(), [], {}, Applied())["pairs"]
    assert (shown["mode"], shown["hardware"]["proof"]) == ("hardware", "none")


def test_a_pair_shows_what_hardware_proved() -> None:
    decided = Plan(pairs=(pair("lan", "wan", Mode.HARDWARE, asked=Mode.HARDWARE),))
    case = PairHardware(("eth0", "wan"), since="2026-11-22", verdict=Verdict.PROVEN, moved=700, strays=3, still=2)
    shown = status_json(decided, Snapshot(), [], {}, Applied(), Verdicts({LAN_WAN: case}))["pairs"][0]["hardware"]
    assert shown | {"reasons": []} == NO_HARDWARE | {
        "proof": "proven", "since": "2026-11-22", "packets": 700, "strays": 3, "frozen": True
    }  # fmt: skip
    assert [reason["code"] for reason in shown["reasons"]] == ["HARDWARE_FROZEN"]


def test_a_pair_in_hardware_counts_the_stations_of_both_paths() -> None:
    stations = PairStations(("br-lan",), ("phy0-ap0",), hardware=5, software=7)
    found = replace(pair("lan", "wan", Mode.HARDWARE, stations.reason), stations=stations)
    (shown,) = status_json(Plan(pairs=(found,)), Snapshot(), [], {}, Applied())["pairs"]
    assert shown["stations"] == {"hardware": 5, "software": 7, "ports": ["phy0-ap0"]}
    (reason,) = shown["reasons"]
    assert reason["text"].endswith("no driver there offloads anything (known stations: 7 of 12)")
    lowered = replace(found, effective=Mode.SOFTWARE)  # the kernel refused the hardware table
    assert status_json(Plan(pairs=(lowered,)), Snapshot(), [], {}, Applied())["pairs"][0]["stations"] is None


def test_device_of_several_zones_has_no_single_one() -> None:
    devices = (
        DeviceDecision("eth0", ("lan", "guest"), (), hardware=False, reasons=(ReasonCode.BOND_MEMBER(master="bond0"),)),
    )
    (answer,) = status_json(Plan(devices=devices), Snapshot(), [], {}, Applied())["devices"]
    assert answer["zone"] is None
    assert answer["zones"] == ["lan", "guest"]
    assert answer["reasons"] == [
        {"code": "BOND_MEMBER", "text": "member of bond0: the kernel sees its packets at bond0"}
    ]


def test_flow() -> None:
    connection = entry(
        "192.0.2.9#5 > 203.0.113.7#80", "192.168.1.50#8080 > 192.0.2.9#5", proto=6, status=IPS_DST_NAT, tcp_state=1
    )
    (flow,) = flows([connection], HOME, plan(pair("wan", "lan")))
    answer = flow_json(flow)
    assert answer == {
        "family": "ipv4",
        "proto": "tcp",
        "src": "192.0.2.9",
        "sport": 5,
        "dest": "203.0.113.7",
        "dport": 80,
        "reply": {"src": "192.168.1.50", "sport": 8080, "dest": "192.0.2.9", "dport": 5},
        "src_zone": "wan",
        "dest_zone": "lan",
        "state": "slow",
        "packets": 20,
        "bytes": 1500,
        "timeout": 30,
        "tcp_state": "SYN_SENT",
        "mark": 0,
        "ct_zone": 0,
        "reasons": [{"code": "TCP_STATE", "text": "its TCP connection is not established (state SYN_SENT)"}],
    }
    assert json.loads(json.dumps(answer)) == answer


def test_flow_without_what_the_kernel_does_not_send() -> None:
    offloaded = entry(
        "fd00:1::50 > 2001:db8:9::9", status=IPS_OFFLOAD | IPS_HW_OFFLOAD, packets=None, octets=None
    )._replace(proto=200, timeout=None)
    (flow,) = flows([offloaded], HOME, plan())
    answer = flow_json(flow)
    assert answer["family"] == "ipv6"
    assert answer["proto"] == "200"
    assert answer["state"] == "hardware"
    assert answer["src"] == "fd00:1::50"
    assert [answer[key] for key in ("packets", "bytes", "timeout", "tcp_state", "reasons")] == [
        None,
        None,
        None,
        None,
        [],
    ]
