"""Any words after `offload`: never a traceback, and every refusal is a sentence that says what to write instead."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offload.cli import command
from offload.cli import router as cli_router
from offload.cli.answer import Exit
from offload.cli.firewall import main as firewall
from offload.cli.verbs import VERBS
from offload.errors import OffloadError
from offload.service import main as service_main
from service.routers import router
from strategies import PLAUSIBLE, gate
from test_cli_service import Router

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = sorted({flag for verb in VERBS.values() for flag, _ in verb.arguments if flag.startswith("-")})
WORDS = (
    *(
        "lan",
        "wan",
        "guest",
        "*",
        "none",
        "Software",
        "hardware",
        "add",
        "delete",
        "list",
        "1",
        "0",
        "-1",
        "99999999999",
    ),
    *(
        "tcp",
        "udp",
        "192.168.1.50",
        "192.168.1.0/24",
        "fe80::1",
        "[2001:db8::1]:443",
        "198.51.100.9:443",
        "1.2.3.4:70000",
    ),
    *("src=1.2.3.4", "dst=", "sport=x", "1h", "30m", "1y", "flow", "host", "pair", "\udcff", "", " ", "--", "-", "-x"),
    *("0x10/0x", "!5060", "1-2-3", "ipv5", "00:11:22:33:44", "\x1b[2J", "ö", "²", "٣", "9" * 5000, "a" * 300),
    *(
        "--json",
        "--root",
        "--root=/nowhere",
        str(GOLDEN / "01-fresh-install"),
        str(GOLDEN / "92-broken-syntax"),
        "/etc/hostname",
    ),
    *(
        "firewall",
        "print",
        "check",
        "trace",
        "diff",
        "start",
        "zone",
        "network",
        "-q",
        "--explain",
        "--src-port",
        "--help",
    ),
)
plain = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=12)
words = st.one_of(st.sampled_from(WORDS), st.sampled_from(OPTIONS), st.sampled_from(PLAUSIBLE), plain)
lines = st.tuples(
    st.one_of(st.sampled_from([*VERBS, "firewall"]), words), st.lists(words, max_size=6), st.booleans()
).map(lambda line: [line[0], *line[1], *["--json"] * line[2]])


class Unserved(cli_router.Router):
    """A router that runs no service in this process."""

    def serve(self) -> None:
        raise OffloadError("a service is running already: offload status")


def ran(argv: list[str], *, runs: bool) -> tuple[int, str, str]:
    """Exit code, output and error output of the command on a router of fakes; `runs`: a service answers."""
    fakes, out, err = router(), io.StringIO(), io.StringIO()
    fakes.service.work()
    pauses = iter(range(3))

    class Here(Unserved, Router):
        def __init__(self, root: Path | None) -> None:
            Unserved.__init__(self, root)
            if root is None:
                Router.__init__(self, fakes, runs=runs)

        def service_reply(self, *words: Any) -> dict[str, Any] | None:
            return None if self.root else Router.service_reply(self, *words)

        def snapshot(self) -> Any:
            return Unserved.snapshot(self) if self.root else Router.snapshot(self)

    def sleep(_: float) -> None:
        if next(pauses, None) is None:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(command, "Router", Here)
        patch.setattr(service_main, "doors", lambda: fakes.service.doors)
        patch.setattr("time.sleep", sleep)
        patch.setattr(firewall, "_load", lambda _: 0)
        patch.setattr("offload.cli.firewall.diff.show_diff", lambda _: 0)
        patch.setattr("offload.cli.firewall.lookup.lookup", lambda *_: 0)
        try:
            code = firewall.main(argv) if argv[:1] == ["firewall"] else command.main(argv)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("runs", [True, False], ids=["service", "command"])
@settings(gate, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(argv=lines)
def test_any_words_get_an_answer_or_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: bool, argv: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = ran(argv, runs=runs)
    assert code in set(Exit)
    assert "Traceback" not in out + err and "object at 0x" not in out + err
    if code in {Exit.FAILED, Exit.USAGE}:
        assert len(err.strip() or json.loads(out)["error"]) > len("offload: ")


# A line for each way in which arguments of a verb can be bad: refused by argparse, by the verb, or by the method.
BAD = (
    "status nozone",
    "status --fast",
    "flows --zone nope",
    "flows --host nowhere",
    "flows --state fast",
    "flows --sort colour",
    "flows --limit -1 --offset x",
    "flows --limit 9999999",
    "explain garbage",
    "explain tcp 192.168.1.50 2001:db8::1",
    "explain",
    "top --by colour",
    "top --every 0",
    "totals --by flow",
    "totals --limit none",
    "apply now",
    "set nozone hardware",
    "set nozone hardware --dry-run",
    "set lan fast",
    "set lan",
    "pair lan nozone software",
    "pair nozone * none --dry-run",
    "pair lan wan on",
    "exempt add",
    "exempt add --src nozone --src-ip 192.168.1.50",
    "exempt add --src-ip here",
    "exempt add --dest-port !443",
    "exempt add --src-ip 192.168.1.50 --timeout 1s",
    "exempt add --src-ip 192.168.1.50 --timeout soon",
    "exempt add 7",
    "exempt delete",
    "exempt delete 9",
    "exempt delete nothing",
    "exempt change",
    "flush --zone nope",
    "flush --state fast",
    "cut",
    "cut x",
    "cut --zone nope",
    "cut --host nowhere",
    "takeover --twice",
    "giveback --twice",
    "help fly",
    "snapshot",
    "snapshot one two",
)


def test_each_verb_that_takes_arguments_gets_bad_ones() -> None:
    assert {line.partition(" ")[0] for line in BAD} == {name for name, verb in VERBS.items() if verb.arguments}


@pytest.mark.parametrize("line", BAD)
def test_bad_arguments_end_alike_with_and_without_the_service(line: str) -> None:
    served, alone = (ran(line.split(), runs=runs) for runs in (True, False))
    assert served == alone
    assert (alone[0], alone[1]) == (Exit.USAGE, "")
    assert len(alone[2].strip()) > len("offload: ")
    assert ran([*line.split(), "--json"], runs=True) == ran([*line.split(), "--json"], runs=False)
