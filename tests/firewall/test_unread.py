"""A zone that cannot be read closes nothing that leads to the router's ssh or web server."""

import json
from pathlib import Path

import pytest

from firewall.test_differences import NETWORKS, rule
from offload.cli.firewall.main import main

ACCEPTING = rule("input=ACCEPT forward=REJECT", "defaults")
WAN = rule("name=wan network=wan input=REJECT", "zone")
LAN = rule("name=lan network=lan input=DENY", "zone")
LAN_LEFT_OUT = rule("name=lan network=lan subnet=10.0.0.0/33 input=DENY", "zone")
NO_WAY = {
    "ping": "name=Allow-Ping src=wan proto=icmp icmp_type=echo-request target=ACCEPT",
    "igmp": "name=Allow-IGMP src=wan proto=igmp target=ACCEPT",
    "udp": "name=N src=wan proto=udp dest_port=443 target=ACCEPT",
    "range": "name=N src=wan proto=tcp dest_port=6881-6889 target=ACCEPT",
    "no zone": "name=N src=nowhere proto=tcp dest_port=22 target=ACCEPT",
    "switched off": "name=N src=wan proto=tcp dest_port=22 target=ACCEPT enabled=0",
}


def printed(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    config = tmp_path / "etc/config/firewall"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    ubus = {"network.interface dump": {"interface": NETWORKS}, "service get_data": {}}
    (tmp_path / "snapshot.json").write_text(json.dumps({"ubus": ubus}))
    main(["firewall", "print", "--root", str(tmp_path)])
    return capsys.readouterr().out


@pytest.mark.parametrize("allowed", NO_WAY)
@pytest.mark.parametrize("lan", [LAN, LAN_LEFT_OUT], ids=["policy", "left out"])
def test_what_leads_to_no_ssh_or_web_server_is_no_other_way(
    lan: str, allowed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(ACCEPTING + lan + WAN + rule(NO_WAY[allowed]), tmp_path, capsys)
    assert "jump reject_from_lan" not in text and "In place of zone lan: input" not in text


@pytest.mark.parametrize(
    ("allowed", "closed"),
    [
        ("src=wan proto=tcp dest_port=22", True),
        ("src=wan dest_port=443", True),
        ("src=wan proto=all", True),
        ("src=* proto=tcp dest_port=20-30", False),
    ],
)
def test_another_way_lets_it_be_closed(
    allowed: str, closed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(ACCEPTING + LAN + WAN + rule(f"name=N target=ACCEPT {allowed}"), tmp_path, capsys)
    assert ("jump reject_from_lan" in text) is closed


@pytest.mark.parametrize("other", ["name=vpn network=vpn input=ACCEPT", "name=empty input=ACCEPT"])
@pytest.mark.parametrize("lan", [LAN, LAN_LEFT_OUT], ids=["policy", "left out"])
def test_a_zone_without_devices_is_no_other_way(
    lan: str, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(ACCEPTING + lan + WAN + rule(other, "zone"), tmp_path, capsys)
    assert "jump reject_from_lan" not in text and "In place of zone lan: input" not in text


def test_ping_from_a_zone_that_is_left_out_does_not_open_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = rule("name=lan network=lan input=ACCEPT", "zone")
    far = rule("name=wan network=wan subnet=10.0.0.0/33 input=REJECT", "zone")
    text = printed(ACCEPTING + home + far + rule(NO_WAY["ping"]), tmp_path, capsys)
    assert 'iifname "eth1" jump handle_reject comment "!fw4: In place of zone wan: input traffic"' in text


def test_rules_for_a_zone_that_only_has_no_address_now_do_not_say_that_it_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = rule("name=lan network=lan input=ACCEPT", "zone")
    down = rule("name=wan network=wan subnet=vpn input=REJECT", "zone")
    text = printed(ACCEPTING + home + down, tmp_path, capsys)
    assert "In place of zone wan: input traffic" in text and "wan is left out" not in text
