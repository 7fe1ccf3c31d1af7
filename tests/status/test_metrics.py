"""Metrics as OpenMetrics text, read by the parser of prometheus-client, and documented each."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from offload.cli.command import main
from offload.service.bus.ubus_object import METHODS, answer
from offload.status.text.metrics import Family, families, families_json, openmetrics
from service.routers import router
from status.routers import entry

REPOSITORY = Path(__file__).parents[2]
LAN = "192.168.1.50#5000 > 198.51.100.9#443"


def status() -> dict[str, Any]:
    """The status of a service with two slow connections, whose kernel reports what ends."""
    fakes = router()
    fakes.service.totals.since = "2026-11-01T10:00:00+00:00"
    fakes.service.work()
    fakes.conntrack.held = [entry(LAN), entry(LAN.replace("5000", "6000"))]
    return answer(fakes.service, METHODS["status"], {})


def parsed(text: str) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]  # it has no types


def test_the_text_is_openmetrics() -> None:
    found = parsed(openmetrics(families(status())))
    assert {(name, family.type) for name, family in found.items()} == {
        (family.name, family.kind) for family in families(status())
    }
    slow = {(each.labels["src"], each.labels["path"]): each.value for each in found["offload_flows"].samples}
    assert (slow["lan", "slow"], slow["lan", "software"]) == (2, 0)
    assert [each.name for each in found["offload_passes"].samples] == ["offload_passes_total"]
    since = datetime(2026, 11, 1, 10, tzinfo=UTC).timestamp()
    assert [each.value for each in found["offload_ended_since_timestamp_seconds"].samples] == [since]


def test_ubus_has_the_same_for_collectors() -> None:
    fakes = router()
    fakes.service.totals.since = "2026-11-01T10:00:00+00:00"
    fakes.service.work()
    reply = answer(fakes.service, METHODS["metrics"], {})
    assert reply["ok"]
    assert [each["name"] for each in reply["families"]] == [each["name"] for each in families_json(families(status()))]


def test_counters_are_of_a_service_only() -> None:
    without = {key: value for key, value in status().items() if key != "service"}
    assert {family.kind for family in families(without)} == {"gauge"}


def test_a_directory_has_only_what_is_decided(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is known of its connections, its exempts, or what a service did."""
    assert main(["metrics", "--root", str(REPOSITORY / "tests/golden/30-hardware")]) == 0
    assert set(parsed(capsys.readouterr().out)) == {
        "offload_router_info",
        "offload_flowtable",
        "offload_last_apply_failed",
        "offload_problems",
        "offload_pair_mode",
        "offload_pair_mode_requested",
    }


def test_connections_that_cannot_be_counted_are_no_zeros() -> None:
    names = {family.name for family in families(status() | {"notes": ["flows are not counted: no"]})}
    assert not names & {"offload_flows", "offload_flow_bytes", "offload_pair_hardware_proven"}
    assert {"offload_exempts", "offload_passes"} <= names


def test_where_the_kernel_reports_no_endings_there_is_no_time_of_them() -> None:
    found = status()
    found["service"] |= {"since": ""}
    assert "offload_ended_since_timestamp_seconds" not in parsed(openmetrics(families(found)))


def test_every_metric_is_documented() -> None:
    page = (REPOSITORY / "docs/metrics.md").read_text()
    documented = {tuple(row) for row in re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE)}
    assert documented == {(each["name"], each["type"]) for each in families_json(families(status()))}


def test_the_textfile_script_writes_all_or_nothing(tmp_path: Path) -> None:
    script = REPOSITORY / "docs/metrics/offload-textfile"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/offload"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'print(\"# EOF\")'\n")
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"}
    subprocess.run([script, tmp_path / "out"], env=environment, check=True)
    assert (tmp_path / "out/offload.prom").read_text() == "# EOF\n"
    program.write_text("#!/bin/sh\necho half\nexit 1\n")
    assert subprocess.run([script, tmp_path / "out"], env=environment, check=False).returncode
    assert (tmp_path / "out/offload.prom").read_text() == "# EOF\n"


@given(st.text(max_size=50), st.text(max_size=50), st.integers(0, 2**64))
def test_any_label_survives(zone: str, help_: str, value: int) -> None:
    (family,) = parsed(openmetrics([Family("offload_flows", "gauge", help_, (({"src": zone}, value),))])).values()
    (sample,) = family.samples
    assert (sample.labels, sample.value) == ({"src": zone}, value)
