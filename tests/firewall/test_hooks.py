"""Conditions that no packet of a rule's hook meets: the rule is as fw4's, and a problem says so."""

import json
from pathlib import Path

import pytest

from firewall.test_differences import NETWORKS, ZONES, rule
from offload.cli.firewall.main import main

CARDS = rule("name=cards family=any match=src_mac", "ipset")
FOUR = rule("name=four device=eth4 family=ipv4", "zone")
NO_INPUT, NO_OUTPUT = "have no input device", "have no output device"
MAC = "have no source MAC address to compare with option"
UNMET = {
    "src=wan device=eth1 direction=out target=DROP": f"hook input {NO_OUTPUT}",
    "src=* device=eth1 direction=egress target=DROP": f"hook input {NO_OUTPUT}",
    "dest=wan device=eth1 target=DROP": f"hook output {NO_INPUT}",
    "device=eth1 direction=in target=DROP": f"hook output {NO_INPUT}",
    "src=wan device=eth1 direction=out target=NOTRACK": f"hook prerouting {NO_OUTPUT}",
    "src=wan dest=* device=eth1 direction=out set_mark=1 target=MARK": f"hook prerouting {NO_OUTPUT}",
    "src=wan device=eth1 direction=out set_mark=1 target=MARK": f"hook input {NO_OUTPUT}",
    "dest=wan device=br-lan direction=in set_dscp=EF target=DSCP": f"hook output {NO_INPUT}",
    "dest=wan src_mac=02:00:00:00:00:01 target=DROP": f"{MAC} 'src_mac'",
    "src_mac=!02:00:00:00:00:01 target=DROP": f"{MAC} 'src_mac'",
    "dest=wan src_mac=02:00:00:00:00:01 set_mark=1 target=MARK": f"{MAC} 'src_mac'",
    "dest=wan ipset=cards target=DROP": f"{MAC} 'ipset'",
}
MET = (
    "src=wan device=eth1 direction=in target=DROP",
    "dest=wan device=eth1 direction=out target=DROP",
    "src=lan dest=wan device=eth1 direction=out target=DROP",
    "src=lan dest=wan device=br-lan src_mac=02:00:00:00:00:01 target=DROP",
    "src=* dest=wan device=br-lan set_mark=1 target=MARK",
    "src=lan src_mac=02:00:00:00:00:01 target=DROP",
    "src=lan ipset=cards target=DROP",
    "src=lan dest=* target=NOTRACK",
    "src=lan dest=four target=NOTRACK",
    "src=lan dest=four family=any target=NOTRACK",
)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ("src=wan direction=out target=DROP", "direction"),
        ("src=wan dest=lan target=NOTRACK", "dest"),
        ("src=wan dest=four family=ipv4 target=NOTRACK", "dest"),
        ("src=wan set_mark=1 target=ACCEPT", "set_mark"),
        ("src=wan set_xmark=1 target=ACCEPT", "set_xmark"),
        ("src=wan set_dscp=EF target=ACCEPT", "set_dscp"),
        ("src=wan set_helper=ftp target=ACCEPT", "set_helper"),
    ],
)
def test_an_option_that_does_nothing_is_named(
    options: str, option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = problems(options, tmp_path, capsys)
    assert problem.endswith(f"option '{option}' has no effect")


def problems(options: str, root: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The sentences about a rule that has lines in the ruleset."""
    (root / "etc/config").mkdir(parents=True)
    (root / "etc/config/firewall").write_text(ZONES + CARDS + FOUR + rule(f"name=N proto=udp {options}"))
    (root / "snapshot.json").write_text(json.dumps({"ubus": {"network.interface dump": {"interface": NETWORKS}}}))
    assert main(["firewall", "print", "--root", str(root)]) == 0
    printed = capsys.readouterr()
    assert '"!fw4: N"' in printed.out
    return [line for line in printed.err.splitlines() if "(N)" in line]


@pytest.mark.parametrize("options", UNMET)
def test_a_condition_that_no_packet_of_the_hook_meets_is_named(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = problems(options, tmp_path, capsys)
    assert "matches nothing" in problem and UNMET[options] in problem


@pytest.mark.parametrize("options", MET)
def test_a_condition_that_packets_of_the_hook_meet_is_none(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problems(options, tmp_path, capsys) == []
