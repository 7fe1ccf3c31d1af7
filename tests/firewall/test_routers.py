"""One folder of tests/firewall/routers is one router: what `offload firewall print` makes of it, and what it warns of.

`ruleset.nft` is the text, `problems.txt` what stands on stderr. `--update-golden` writes them; the diff is the review.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from offload.cli.firewall.compiled import compiled
from offload.cli.firewall.main import main
from offload.config.fw4.options.firewall_tables import TABLES
from offload.model.problems.firewall_problem import FirewallFault
from offload.system.firewall_files import FirewallFiles

ROUTERS = sorted((Path(__file__).parent / "routers").iterdir())
PRINT = """
import sys
from offload.cli.firewall.main import main
[main(["firewall", "print", "--root", router]) for router in sys.argv[1:]]
"""


@pytest.mark.parametrize("router", ROUTERS, ids=lambda path: path.name)
def test_router(router: Path, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config) -> None:
    assert main(["firewall", "print", "--root", str(router)]) == 0
    printed = capsys.readouterr()
    for name, text in (("ruleset.nft", printed.out), ("problems.txt", printed.err)):
        golden = router / name
        if pytestconfig.getoption("update_golden"):
            golden.write_text(text) if text else golden.unlink(missing_ok=True)
        assert text == (golden.read_text() if golden.exists() else "")


def test_a_file_has_the_bytes_of_its_name_in_what_is_printed(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = tmp_path / "usr/share/nftables.d/table-pre"
    folder.mkdir(parents=True)
    (tmp_path / "etc/config").mkdir(parents=True)
    (tmp_path / "etc/config/firewall").touch()
    (folder / "B\udcfcro.nft").touch()
    assert main(["firewall", "print", "--root", str(tmp_path)]) == 0
    assert b'include "/usr/share/nftables.d/table-pre/B\xfcro.nft"' in capsysbinary.readouterr().out


@pytest.mark.slow
def test_the_same_bytes_whatever_order_python_hashes_in() -> None:
    def printed(seed: str) -> bytes:
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", PRINT, *map(str, ROUTERS)]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    assert printed("1") == printed("2")


@pytest.mark.parametrize("kind", TABLES)
def test_every_option_stands_in_a_router(kind: str) -> None:
    used: set[str] = set()
    for router in ROUTERS:
        sections = FirewallFiles(router).sections("firewall")
        used |= {name for each in sections if each.type == kind for name in each.options}
    assert set(TABLES[kind]) - used == set()


def test_every_fault_occurs() -> None:
    found = {problem.fault for router in ROUTERS for problem in compiled(router)[1]}
    loading = {FirewallFault.REFUSED}  # nft's own: tests/service/test_firewall_load.py
    assert [fault.name for fault in FirewallFault if fault not in found | loading] == []


def test_every_rule_names_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    router = next(each for each in ROUTERS if each.name == "01-fresh-install")
    main(["firewall", "print", "--explain", "--root", str(router)])
    lines = capsys.readouterr().out.splitlines()
    (ping,) = [line for line in lines if "!fw4: Allow-Ping" in line]
    text = (router / "etc/config/firewall").read_text().splitlines()
    number = int(ping.partition("/etc/config/firewall:")[2].partition(" ")[0])
    assert text[number - 1] == "config rule"
    assert "Allow-Ping" in text[number]
