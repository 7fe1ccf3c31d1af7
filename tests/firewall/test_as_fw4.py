"""Configurations with a mistake, where the ruleset still has to decide as fw4's does."""

import json
from pathlib import Path

import pytest

from firewall.test_differences import NETWORKS, ZONES, rule
from offload.cli.firewall.main import main

TRANSLATED = "ct status dnat accept"


def chains(text: str, root: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """The lines of every chain that `print` makes of a configuration."""
    config = root / "etc/config/firewall"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    (root / "snapshot.json").write_text(json.dumps({"ubus": {"network.interface dump": {"interface": NETWORKS}}}))
    assert main(["firewall", "print", "--root", str(root)]) == 0
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in capsys.readouterr().out.splitlines():
        word = line.split()
        if word[:1] == ["chain"]:
            lines = found[word[1]] = []
        else:
            lines.append(line.strip())
    return found


def forward(options: str) -> str:
    return rule(f"name=N src=wan dest=lan proto=tcp src_dport=80 dest_ip=192.168.1.5 {options}", "redirect")


@pytest.mark.parametrize(
    "section",
    [
        forward("src_ip=fe80::/10"),
        forward("src_dip=2001:db8::1"),
        forward("family=ipv6"),
        rule("name=six match=src_ip family=ipv6", "ipset") + forward("ipset=six"),
        rule("name=cards match=dest_mac", "ipset") + forward("ipset=cards"),
    ],
)
def test_a_port_forward_without_a_rule_accepts_what_others_translate(
    section: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = chains(ZONES + section, tmp_path, capsys)
    assert not [line for lines in found.values() for line in lines if '"!fw4: N"' in line]
    for chain in ("input_wan", "forward_wan", "input_lan", "forward_lan"):
        assert [line for line in found[chain] if line.startswith(TRANSLATED)], chain


def test_source_nat_by_a_set_has_the_family_of_the_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    six = rule("name=six match=src_ip family=ipv6", "ipset")
    options = ("name=N", "name=M family=any", "name=four family=ipv4", "name=other src_ip=10.0.0.1")
    sections = "".join(rule(f"{each} src=wan proto=tcp ipset=six", "nat") for each in options)
    found = chains(ZONES + six + sections, tmp_path, capsys)["srcnat_wan"]
    assert [line for line in found if "@six" in line] == [
        f'meta nfproto ipv6 meta l4proto tcp ip6 saddr @six counter masquerade comment "!fw4: {name}"' for name in "NM"
    ]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (rule("name=N src=wan proto=!tcp~!udp snat_port=80 target=SNAT", "nat"), "protocol not tcp, not udp, which"),
        (rule("name=N src=wan proto=!tcp src_ip=10.0.0.1 family=ipv6", "nat"), "protocol not tcp: "),
        (rule("name=N src=wan proto=!tcp src_ip=10.0.0.1 family=ipv6 target=DROP"), "protocol not tcp: "),
        (rule("name=N src=wan dest=lan proto=!tcp dest_ip=10.0.0.1 family=ipv6", "redirect"), "protocol not tcp: "),
    ],
)
def test_an_excluded_protocol_is_named_as_one(
    section: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = problems(ZONES + section, tmp_path, capsys)
    assert said in problem


@pytest.mark.parametrize(
    ("options", "rules"),
    [
        (
            "proto=all~icmp snat_ip=203.0.113.9",
            ["tcp snat 203.0.113.9:80", "udp snat 203.0.113.9:80", "icmp snat 203.0.113.9:80"],
        ),
        (
            "proto=gre~all snat_ip=203.0.113.9",
            ["tcp snat 203.0.113.9:80", "udp snat 203.0.113.9:80", "47 snat 203.0.113.9"],
        ),
        ("proto=all~icmp", ["tcp snat :80", "udp snat :80", "icmp snat :80"]),
        ("proto=tcp~icmp", ["tcp snat :80", "icmp snat :80"]),
    ],
)
def test_a_source_nat_with_a_new_port_drops_no_protocol_that_it_names(
    options: str, rules: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section = rule(f"name=N src=wan target=SNAT snat_port=80 {options}", "nat")
    found = chains(ZONES + section, tmp_path, capsys)["srcnat_wan"]
    kept = [line.partition("meta l4proto ")[2] for line in found if '"!fw4: N"' in line]
    assert [each.replace("counter ", "").partition(" comment")[0] for each in kept] == rules


@pytest.mark.parametrize("options", ["proto=tcp~gre", "proto=all~gre"])
def test_a_new_port_alone_is_nothing_for_a_protocol_without_ports(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = problems(ZONES + rule(f"name=N src=wan target=SNAT snat_port=80 {options}", "nat"), tmp_path, capsys)
    assert problem.endswith("is left out for protocol 47, which has no ports")


def test_a_port_forward_for_all_but_icmpv6_is_for_ipv4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    section = rule("name=N src=wan dest=lan proto=!ipv6-icmp dest_ip=192.168.1.5", "redirect")
    assert problems(ZONES + section, tmp_path, capsys) == []


def problems(text: str, root: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The sentences about the section N that `print` says of a configuration."""
    (root / "etc/config").mkdir(parents=True)
    (root / "etc/config/firewall").write_text(text)
    (root / "snapshot.json").write_text(json.dumps({"ubus": {"network.interface dump": {"interface": NETWORKS}}}))
    assert main(["firewall", "print", "--root", str(root)]) == 0
    return [line for line in capsys.readouterr().err.splitlines() if "(N)" in line]


@pytest.mark.parametrize("options", ["proto=tcp~udp", "proto=tcp~udp~sctp"])
def test_a_problem_of_several_protocols_is_said_once(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    down = rule("name=guest network=nosuch", "zone")
    forward = f"name=N src=wan dest=lan src_dport=80 dest_ip=192.168.1.5 reflection_zone=guest {options}"
    (problem,) = problems(ZONES + down + rule(forward, "redirect"), tmp_path, capsys)
    assert problem.endswith("has no reflection into zone 'guest': its address is not known")


@pytest.mark.parametrize(
    "options", ["ipset=nosuch", "ipset=doors proto=ah", "helper=nosuch", "dest_ip=vpn", "monthdays=1", "src_ip=~"]
)
def test_a_port_forward_that_is_left_out_accepts_nothing(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doors = rule("name=doors match=dst_port", "ipset")
    section = rule(f"name=N src=wan dest=lan dest_ip=192.168.1.5 {options}", "redirect")
    found = chains(ZONES + doors + section, tmp_path, capsys)
    assert not [line for lines in found.values() for line in lines if TRANSLATED in line]


@pytest.mark.parametrize(
    "section", ["src=wan snat_ip=203.0.113.0/24 target=SNAT", "src=wan snat_ip=2001:db8::/64 target=SNAT"]
)
def test_a_network_in_place_of_a_new_address_is_named(
    section: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (problem,) = problems(ZONES + rule(f"name=N {section}", "nat"), tmp_path, capsys)
    assert "option 'snat_ip' stands for several addresses; the first one is used" in problem
