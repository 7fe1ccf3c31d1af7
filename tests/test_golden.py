"""One folder of tests/golden is one router: its files, its snapshot, and what comes of them by the command line.

`problems.txt` is what `check` complains of, `ruleset.nft` what `print` prints, `plan.txt` the answer of `status`;
where there is nothing, there is no file. `make golden` writes them anew, and the diff is the review.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from offload.cli.answer import Exit
from offload.cli.command import main
from offload.cli.local import SOUND
from offload.model.problems.finding import FindingCode
from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import ReasonCode
from offload.service import reconcile
from offload.service.reconcile import Decided
from offload.system.config.uci import Uci
from offload.system.directory.router_directory import RouterDirectory

GOLDEN = Path(__file__).parent / "golden"
ROUTERS = sorted(GOLDEN.iterdir())
VERBS = {"problems.txt": "check", "ruleset.nft": "print", "plan.txt": "status"}
# Reasons of flows have their tests in tests/status, the Reason of a refusal in tests/compiler.
OF_FLOWS = list(ReasonCode)[list(ReasonCode).index(ReasonCode.NOT_OFFLOADABLE) :]
PRINT = "import sys; from offload.cli.command import main; [main(['print', '--root', each]) for each in sys.argv[1:]]"


@cache
def decided(router: Path) -> Decided:
    """What the service decides for a router; four tests ask for all of them."""
    directory = RouterDirectory(router)
    return reconcile.decide(reconcile.read(Uci(directory.confdir)), directory.snapshot())


@pytest.mark.parametrize("router", ROUTERS, ids=lambda path: path.name)
@pytest.mark.parametrize(("file", "verb"), VERBS.items())
def test_router(
    router: Path,
    file: str,
    verb: str,
    capsys: pytest.CaptureFixture[str],
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code = main([verb, "--root", str(router)])
    printed = capsys.readouterr().out
    if printed == f"{SOUND}\n":
        assert code == Exit.DONE
        printed = ""
    golden = router / file
    if pytestconfig.getoption("update_golden"):
        golden.write_text(printed) if printed else golden.unlink(missing_ok=True)
    assert printed == (golden.read_text() if golden.exists() else "")


@pytest.mark.slow
def test_the_same_bytes_whatever_order_python_hashes_in() -> None:
    """Sets and dicts are ordered by the hash seed, which is new for every process."""

    def printed(seed: str) -> bytes:
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", PRINT, *map(str, ROUTERS)]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    assert printed("1") == printed("2")


def test_every_reason_occurs() -> None:
    found: set[ReasonCode] = set()
    for router in ROUTERS:
        plan = decided(router).plan
        reasons = [each.reasons for each in plan.zones] + [each.reasons for each in plan.pairs]
        reasons += [each.reasons for each in plan.devices]
        found |= {reason.code for several in reasons for reason in several}
    assert [why.name for why in ReasonCode if why not in {*found, *OF_FLOWS, ReasonCode.NOT_APPLIED}] == []


def test_every_finding_occurs() -> None:
    found = {
        (each.code, bool(each.done))
        for router in ROUTERS
        for served in (True, False)
        for each in reconcile.findings(decided(router), Uci(RouterDirectory(router).confdir), served=served)
    }
    wanted = {(code, False) for code in FindingCode if code.value.remedy}
    wanted |= {(code, bool(code.value.done)) for code in FindingCode}
    assert sorted(f"{code.name} {done}" for code, done in wanted - found) == []


def test_every_fault_occurs() -> None:
    found = {problem.fault for router in ROUTERS for problem in decided(router).problems}
    assert [fault.name for fault in ProblemCode if fault not in found] == []
