"""Configurations that people reported to OpenWrt and its relatives: one file of tests/firewall/reports is one report.

A file is UCI text, added to the zones of the file `zones`. Its first comment says where the report is and what went
wrong. Each comment `#= line` is a line of the ruleset with the name of one of its sections, each `#! sentence` a
problem that is reported; there must be no others. `--update-golden` writes these comments; review the diff.
"""

import json
import re
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest

from offload.cli.firewall.main import main

REPORTS = sorted((Path(__file__).parent / "reports").glob("*.uci"))
ZONES = Path(__file__).parent / "reports" / "zones"
NETWORKS = (
    ("lan", "br-lan", "192.168.1.1/24", "fd00:1::1/64"),
    ("guest", "br-guest", "192.168.2.1/24"),
    ("office", "br-office", "192.168.3.1/24"),
    ("wan", "eth1", "203.0.113.5/24"),
    ("wan6", "eth1", "2001:db8::5/64"),
    ("wanb", "eth2", "198.51.100.5/24"),
    ("wg0", "wg0", "10.8.0.1/24"),
)


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.stem)
def test_report(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config) -> None:
    text = report.read_text()
    assert main(["firewall", "print", "--root", str(router(tmp_path, text))]) == 0
    printed = capsys.readouterr()
    names = re.findall(r"option name '([^']+)'", text)
    lines = [line.strip() for line in printed.out.splitlines() if any(of(name, line) for name in names)]
    found = [f"#= {line}" for line in lines] + [f"#! {line}" for line in printed.err.splitlines()]
    body = [line for line in text.splitlines() if not line.startswith(("#=", "#!"))]
    if pytestconfig.getoption("update_golden"):
        report.write_text("\n".join([*body, *found, ""]))
    assert text.splitlines() == [*body, *found]
    assert found, "a report has to show something"
    assert body[0].startswith("# ")


def of(name: str, line: str) -> bool:
    """Whether the comment of a line has this name of a section."""
    return re.search(rf'"!fw4: [^"]*\b{re.escape(name)}\b', line) is not None


def router(directory: Path, report: str) -> Path:
    """A router directory with the zones and networks that all reports share."""
    (directory / "etc/config").mkdir(parents=True)
    (directory / "etc/config/firewall").write_text(ZONES.read_text() + report)
    networks = [network(*each) for each in NETWORKS]
    (directory / "snapshot.json").write_text(json.dumps({"ubus": {"network.interface dump": {"interface": networks}}}))
    return directory


def network(name: str, device: str, *addresses: str) -> dict[str, Any]:
    """An interface as netifd describes it."""
    interfaces = [ip_interface(each) for each in addresses]
    parts = [{"address": str(each.ip), "mask": each.network.prefixlen} for each in interfaces]
    return {
        "interface": name,
        "up": True,
        "l3_device": device,
        "ipv4-address": [part for part, each in zip(parts, interfaces, strict=True) if each.version == 4],
        "ipv6-address": [part for part, each in zip(parts, interfaces, strict=True) if each.version == 6],
    }
