"""The command as users run it: a sentence and the documented exit code for every fault."""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import Offload, edit
from offload import __version__
from offload.cli.answer import Exit
from offload.cli.command import _plain, main, parser
from offload.cli.firewall.given import HELP, VALUES, WORDS
from offload.cli.firewall.main import main as firewall_main
from offload.cli.local import SOUND
from offload.cli.verbs import VERBS
from offload.model.text.octets import NO_BYTES
from offload.nft.text import NOT_IN_PATHS
from offload.status.text.tables import summary_text
from offload.system.files import atomic_file

PURE = (["status"], ["print"], ["check"], ["apply", "--dry-run"])
LIVE = (["flows"], ["snapshot", "somewhere"], ["set", "lan", "none"], ["reload"], ["cut"])

# A router whose only fault is this one: the change in its files, and the sentence.
FAULTS = {
    "unknown zone": (
        "offload",
        "'guest'",
        "'cellar'",
        "/etc/config/offload line 5, zone 'cellar', name: no zone 'cellar' in /etc/config/firewall",
    ),
    "unknown mode": (
        "offload",
        "'none'",
        "'quick'",
        "/etc/config/offload line 5, zone 'guest', mode: 'quick' is not known here: write none, software or hardware",
    ),
    "bad family": (
        "offload",
        "mode 'none'",
        "family 'inet'",
        "/etc/config/offload line 5, zone 'guest', family: 'inet' is no address family",
    ),
    "duplicate zone": (
        "firewall",
        "name 'guest'",
        "name 'lan'",
        "/etc/config/firewall line 13, zone 'lan', name: a second zone 'lan'",
    ),
    "broken syntax": ("offload", "'guest'", "'guest", "offload: /etc/config/offload is not valid UCI (line"),
}


VALUED = [
    *(
        (name, flag)
        for name, verb in VERBS.items()
        for flag, words in verb.arguments
        if flag.startswith("--") and words.get("action") != "store_true"
    ),
    *((f"firewall {'print' if flag == '--root' else 'trace'}", flag) for flag in VALUES),
]


@pytest.mark.parametrize("option", ["", "-q", "--json", "--help"])
@pytest.mark.parametrize(("verb", "flag"), VALUED)
def test_an_option_is_no_value_of_another(
    verb: str, flag: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [*verb.split(), *(["list"] if verb == "exempt" else []), flag, *([option] if option else [])]
    try:
        code = firewall_main(line) if verb.startswith("firewall") else main(line)
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr().err
    assert code == Exit.USAGE.value
    assert f"'{flag}' needs a value: {flag} " in said or f"argument {flag}: expected one argument" in said


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_one_sentence_and_the_rest_works(offload: Offload, root: Path, fault: str) -> None:
    package, old, new, sentence = FAULTS[fault]
    edit(root, package, old, new)
    checked = offload("check", "--root", str(root))
    assert checked.code == Exit.PROBLEMS
    assert " ".join(checked.out.split()).count(sentence) == 1  # it is folded at the width of the terminal
    status = offload("status", "--root", str(root), "--json")
    assert status.code == Exit.DONE
    assert {"lan", "wan"} <= {zone["name"] for zone in status.data["zones"]}
    printed = offload("print", "--root", str(root))
    if fault == "broken syntax":
        assert (printed.code, printed.out) == (Exit.FAILED, "")
        assert printed.err.startswith(f"offload: {sentence}")
    else:
        assert printed.code == Exit.PROBLEMS
        assert '"br-lan" . "wan" : goto policy_0' in printed.out
        assert '"br-guest" . ' not in printed.out or fault == "unknown zone"


def test_a_file_that_cannot_be_read_changes_nothing(offload: Offload, root: Path) -> None:
    (root / "etc/config/firewall").unlink()
    (root / "etc/config/firewall").mkdir()
    ran = offload("print", "--root", str(root))
    assert (ran.code, ran.out) == (Exit.FAILED, "")
    assert ran.err == (
        "offload: firewall: /etc/config/firewall cannot be read (it is not a regular file); "
        "the kernel keeps what it has\n"
    )


def test_a_zone_without_devices_has_that_reason(offload: Offload, root: Path) -> None:
    edit(root, "firewall", "list network 'guest'", "list device 'wlan9'")
    status = offload("status", "--root", str(root), "--json").data
    guest = next(zone for zone in status["zones"] if zone["name"] == "guest")
    assert [reason["code"] for reason in guest["reasons"]] == ["ZONE_WITHOUT_DEVICES"]
    assert guest["effective"] == "none"


def test_a_check_without_findings_has_a_sentence(offload: Offload, root: Path) -> None:
    ran = offload("check", "--root", str(root))
    assert (ran.code, ran.out, ran.err) == (Exit.DONE, f"{SOUND}\n", "")
    assert offload("check", "--root", str(root), "--json").data == {
        "ok": True,
        "problems": [],
        "missing": [],
        "findings": [],
        "firewall": [],
        "failed": [],
        "slower": [],
    }


def test_check_names_the_pairs_that_are_slower_than_chosen(offload: Offload) -> None:
    marked = str(Path(__file__).parent / "golden/59-marks-of-sets")
    ran = offload("check", "--root", marked)
    assert ran.out.startswith("Nothing is wrong, but lan > lan, lan > wan") and "slower than chosen" in ran.out
    assert {"src": "lan", "dest": "wan"} in offload("check", "--root", marked, "--json").data["slower"]


def test_cut_without_a_choice_names_its_options(offload: Offload) -> None:
    ran = offload("cut")
    assert ran.code == Exit.USAGE
    assert ran.err == "offload: whose connections are to end? Name them by --zone, --host or --state\n"


@pytest.mark.parametrize("arguments", PURE, ids=" ".join)
def test_json_is_one_object_with_ok(offload: Offload, root: Path, arguments: list[str]) -> None:
    assert offload(*arguments, "--root", str(root), "--json").data["ok"] is True
    (root / "snapshot.json").write_text("[]")
    refused = offload(*arguments, "--root", str(root), "--json")
    assert refused.code == Exit.FAILED
    assert refused.data["ok"] is False
    assert "snapshot.json is not a router's snapshot" in refused.data["error"]


@pytest.mark.parametrize("arguments", LIVE, ids=" ".join)
def test_what_needs_the_running_router_refuses_a_directory(offload: Offload, root: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        offload(*arguments, "--root", str(root))
    assert ended.value.code == Exit.USAGE


def test_apply_shows_what_it_would_send_of_a_directory_and_sends_nothing(offload: Offload, root: Path) -> None:
    ran = offload("apply", "--root", str(root))
    assert ran.code == Exit.FAILED
    assert ran.err == "offload: apply without --dry-run needs the running router, and --root names a directory\n"


@pytest.mark.parametrize("verb", sorted(name for name, verb in VERBS.items() if verb.rooted))
def test_what_takes_a_directory_works_on_it(offload: Offload, root: Path, verb: str) -> None:
    words = {"apply": ["--dry-run"], "explain": ["udp", "10.0.0.1", "10.0.0.2"]}.get(verb, [])
    assert offload(verb, *words, "--root", str(root), "--json").data["ok"] is True


def test_status_of_one_zone_has_its_pairs_and_devices_only(offload: Offload, root: Path) -> None:
    found = offload("status", "guest", "--root", str(root), "--json").data
    assert [zone["name"] for zone in found["zones"]] == ["guest"]
    assert {(pair["src"], pair["dest"]) for pair in found["pairs"]} == {("guest", "wan")}
    assert all("guest" in device["zones"] for device in found["devices"])
    ran = offload("status", "gest", "--root", str(root))
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert ran.err.startswith("offload: there is no zone 'gest' (did you mean 'guest'?); the zones: lan, ")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("set lan on", "'on' is no mode: use none, software, hardware"),
        ("set lan softwre", "'softwre' (did you mean 'software'?) is no mode"),
        ("pair lan wan fast", "'fast' is no mode"),
        ("exempt delete", "which exempt is to be deleted? 'offload exempt list' shows their numbers and names"),
        ("exempt add 7", "'7' has no meaning after add: name what to match by options (--src-ip ...)"),
        ("exempt list 7", "'7' has no meaning after list: it lists all exempts"),
        ("exempt list --src-ip 10.0.0.1", "--src-ip has no meaning after list: only 'offload exempt add' takes it"),
        ("exempt delete 7 --timeout 1h", "--timeout has no meaning after delete: only 'offload exempt add' takes it"),
        ("exempt add --timeout=", "timeout: '' is no time"),
        ("exempt add --timeout soon", "timeout: 'soon' is no time"),
        (
            "exempt add",
            "what is to stay slow? Name it by --src-ip, --dest-ip, --src-port, --dest-port, --src-mac or --mark",
        ),
        ("help fly", "'fly' is no verb"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(offload: Offload, line: str, sentence: str) -> None:
    ran = offload(*line.split())  # there is no ubus here: asking it would be another sentence
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert sentence in ran.err


def test_a_dry_run_promises_no_more_than_that_nothing_changes(offload: Offload) -> None:
    # `nft -c` sends the ruleset to the kernel, which may ask devices, and makes no change
    for verb in ("set", "pair"):
        assert "only say what it would change; nothing is changed" in " ".join(offload("help", verb).out.split())


def test_help_has_every_verb_and_every_option(offload: Offload) -> None:
    assert all(name in offload("help").out for name in VERBS)
    for name, verb in VERBS.items():
        shown = offload("help", name).out
        assert all(words.get("help") and (words.get("metavar") or flag) in shown for flag, words in verb.arguments)
    assert offload("help", "firewall").out.startswith("usage: offload firewall ")
    assert offload("version").out == f"offload {__version__}\n"


@pytest.mark.parametrize("columns", [40, 80])
def test_help_of_the_firewall_fits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], offload: Offload, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    firewall_main(["firewall", "--help"])
    for text in (capsys.readouterr().err, offload("help", "firewall").out):
        assert text.startswith("usage: offload firewall ") and text.count("\n") > len(WORDS)
        assert [line for line in text.splitlines() if len(line) > columns] == []
    if columns == 80:
        assert [line.strip() for line in HELP.splitlines()] == [line.strip() for line in text.splitlines()]


def options_of(word: str) -> list[str]:
    return [flag for flag, _ in (*VERBS[word].arguments, ("--json", {})) if flag.startswith("-")]


LINES = st.sampled_from(list(VERBS)).flatmap(
    lambda word: st.tuples(st.just(word), st.lists(st.sampled_from([*options_of(word), "3", "lan", "a b"]), max_size=5))
)


@given(LINES)
def test_a_verb_with_options_means_what_argparse_makes_of_it(line: tuple[str, list[str]]) -> None:
    word, more = line
    plain = _plain([word, *more])
    if plain is not None:
        assert {"root": None} | vars(parser(word).parse_args([word, *more])) == vars(plain)


@pytest.mark.parametrize("line", ["status", "status --json --json", "flows --limit 3 --json", "flows --zone lan --all"])
def test_most_lines_are_understood_without_argparse(line: str) -> None:
    assert _plain(line.split()) is not None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "fly",
        "status lan",
        "zones --root /",
        "flows --limit",
        "flows --limit -3",
        "flows --limit=3",
        "flows --lim 3",
    ],
)
def test_every_other_line_is_argparse_s(line: str) -> None:
    assert _plain(line.split()) is None


def ran(*words: str, stdout: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "offload", *words]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        command, env=os.environ | path | environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )


@pytest.mark.parametrize(
    "words", ["print", "--version", "version", "help", "--help", "status --help", "firewall print"]
)
def test_an_answer_that_cannot_be_written_is_a_sentence(root: Path, words: str) -> None:
    rooted = ("--root", str(root)) if words.endswith("print") else ()
    with Path("/dev/full").open("w") as full:
        done = ran(*words.split(), *rooted, stdout=full.fileno())
    assert (done.returncode, done.stderr) == (1, "offload: the answer cannot be written: No space left on device\n")


def test_letters_that_the_terminal_lacks_are_escaped(root: Path) -> None:
    with (root / "etc/config/firewall").open("a") as file:
        file.write("\nconfig rule\n\toption name 'B\u00fcro'\n\toption src 'lan'\n\toption target 'ACCEPT'\n")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = ran("firewall", "print", "--root", str(root), stdout=subprocess.PIPE, **plain)
    assert (done.returncode, done.stderr) == (0, "")
    assert "B\\xfcro" in done.stdout


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if not verb.rooted])
def test_a_verb_of_the_running_router_refuses_root(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    needed = {"set": "lan none", "pair": "lan wan none", "snapshot": "DIR", "exempt": "list"}.get(verb, "")
    with pytest.raises(SystemExit) as ended:
        main([verb, *needed.split(), "--root", "."])
    assert ended.value.code == Exit.USAGE.value
    assert f"{verb} works on the running router alone, so it takes no --root; status, " in capsys.readouterr().err


@pytest.mark.parametrize(("columns", "widest"), [("40", 40), ("60", 60), ("160", 160)])
def test_the_answer_is_as_wide_as_the_terminal(root: Path, columns: str, widest: int) -> None:
    done = ran("status", "--root", str(root), stdout=subprocess.PIPE, COLUMNS=columns)
    lengths = [len(line) for line in done.stdout.splitlines()]
    assert max(lengths) <= widest


@pytest.mark.parametrize("columns", ["nonsense", "0", "9" * 30])
@pytest.mark.parametrize("words", ["status", "explain 192.168.1.50"])
def test_a_pipe_gets_whole_lines(root: Path, words: str, columns: str) -> None:
    """So that `grep` finds all of a sentence."""
    shown, wide, narrow = (
        ran(*words.split(), "--root", str(root), stdout=subprocess.PIPE, COLUMNS=given).stdout
        for given in (columns, "200", "80")
    )
    assert len(narrow.splitlines()) > len(shown.splitlines())
    assert len(wide.splitlines()) >= len(shown.splitlines())


def test_without_a_verb_the_status_is_short(offload: Offload, root: Path) -> None:
    data = offload("status", "--root", str(root), "--json").data
    data |= {"kernel": {"release": "6.6.73", "missing": []}}
    text = summary_text(data | {"problems": [{}]})
    lines = text.splitlines()
    assert lines[0] == "Flow offload beside fw4, kernel 6.6.73"
    for firewall, head in (
        ("offload-firewall", "Flow offload and firewall, kernel 6.6.73"),
        ("none", "Flow offload while no firewall is loaded, kernel 6.6.73"),
    ):
        assert summary_text(data | {"firewall": firewall}).splitlines()[0] == head
    assert any(line.startswith("lan > wan") and "software" in line for line in lines)
    assert "1 problem: 'offload check' names each." in lines
    assert len(lines) < len(offload("status", "--root", str(root)).out.splitlines())


def test_a_directory_that_is_not_there(offload: Offload, tmp_path: Path) -> None:
    ran = offload("status", "--root", str(tmp_path / "nowhere"))
    assert (ran.code, ran.err) == (Exit.FAILED, f"offload: {tmp_path / 'nowhere'} is not a directory\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("below", ["", "below"])
@pytest.mark.parametrize("verb", sorted(name for name, verb in VERBS.items() if verb.rooted))
def test_a_directory_that_this_user_may_not_enter(offload: Offload, root: Path, verb: str, below: str) -> None:
    words = {"apply": ["--dry-run"], "explain": ["udp", "10.0.0.1", "10.0.0.2"]}.get(verb, [])
    offload(verb, *words, "--root", str(root))  # imports all that the verb needs, for which the other user has no right
    with TemporaryDirectory() as folder:  # the other user may not enter pytest's own directories
        Path(folder).chmod(0o755)
        copy = Path(shutil.copytree(root, Path(folder, "router")))
        copy.chmod(0o600)
        os.chown(copy, 65534, 65534)
        try:
            os.seteuid(65534)
            ran = offload(verb, *words, "--root", str(copy / below))
        finally:
            os.seteuid(0)
    assert (ran.code, ran.err.count("\n")) == (Exit.FAILED, 1)
    assert "cannot be read" in ran.err and "Permission denied" in ran.err


def test_usage_is_argparse_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["fly"])
    assert exited.value.code == Exit.USAGE
    assert "'fly' is no verb" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("stats", "'stats' (did you mean 'status'?) is no verb"),
        ("firewal print", "'firewal' (did you mean 'firewall'?) is no verb"),
        ("flows --zonne lan", "'--zonne' (did you mean '--zone'?) is not an option or argument of flows"),
        ("check --rot=x", "'--rot' (did you mean '--root'?) is not an option or argument of check"),
        ("reload lan", "'lan' is not an option or argument of reload: see offload help reload"),
        ("sta\x1b[2J", "'sta?[2J' is no verb"),
        ("--root DIR status", "--root DIR comes after the verb: offload check --root DIR; status, explain, "),
        ("--root=DIR status", "--root DIR comes after the verb"),
        ("--json status", "--json comes after the verb: offload status --json"),
        ("--verson", "'--verson' (did you mean '--version'?) is no verb: options come after the verb"),
    ],
)
def test_a_mistyped_word_is_named_with_the_one_it_is_close_to(
    line: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == Exit.USAGE
    assert hint in capsys.readouterr().err


WRONG_SHAPES = (
    *("", "{", "nonsense", "null", "[]", "1", '"x"', '{"links": {}}', '{"links": [1]}', '{"links": [{}]}'),
    *(
        '{"links": [{"name": 1}]}',
        '{"links": [{"name": "a", "lower": "b"}]}',
        '{"links": [{"name": "a", "up": "yes"}]}',
    ),
    *(
        '{"ubus": []}',
        '{"ubus": {"network.interface dump": []}}',
        '{"ubus": {"network.interface dump": {"interface": 1}}}',
    ),
    *('{"ubus": {"network.interface dump": {"interface": [{}]}}}', '{"ubus": {"network.device status": []}}'),
    *('{"kernel": 1}', '{"kernel": {"missing": 1}}', '{"kernel": {"missing": [{}]}}', '{"kernel": {"modules": "x"}}'),
    *('{"addresses": 1}', '{"addresses": [{"device": "a", "address": "x"}]}', '{"routes": [{"target": "::/0"}]}'),
    *(
        '{"routes": [{"target": "1.2.3.4/0", "devices": []}]}',
        '{"firewall": 4}',
        "[" * 100_000,
        '{"kernel": {"nft": null}}',
    ),
)


@pytest.mark.parametrize("shape", WRONG_SHAPES, ids=lambda shape: shape[:60])
def test_a_snapshot_of_the_wrong_shape_is_one_sentence(offload: Offload, root: Path, shape: str) -> None:
    (root / "snapshot.json").write_text(shape)
    ran = offload("status", "--root", str(root))
    assert (ran.code, ran.out) == (Exit.FAILED, "")
    assert ran.err.startswith(f"offload: {root}/snapshot.json")
    assert ran.err.count("\n") == 1


def test_bytes_that_are_no_text_are_one_sentence(offload: Offload, root: Path) -> None:
    (root / "snapshot.json").write_bytes(b'{"firewall": "\xff"}')
    ran = offload("status", "--root", str(root))
    assert (ran.code, ran.err.count("\n")) == (Exit.FAILED, 1)


def test_names_that_no_terminal_should_see(offload: Offload, root: Path) -> None:
    names = ["\x1b[2J", "\ud800", "a\nb", "\u202e", "é"]
    links = [{"name": name, "master": "br-lan"} for name in names] + [{"name": "br-lan", "kind": "bridge"}]
    snapshot = json.loads((root / "snapshot.json").read_text()) | {"links": links}
    (root / "snapshot.json").write_text(json.dumps(snapshot))
    for arguments in PURE:
        ran = offload(*arguments, "--root", str(root))
        assert ran.code == Exit.DONE
        assert ran.out.isascii() or "é" in ran.out
        assert all(char.isprintable() or char in "\n\t" for char in ran.out + ran.err)
    assert "ODD_NAME" in offload("status", "--root", str(root), "--json").out


# The files that a run with --root opens and the programs that it starts, from the interpreter's audit hook.
WATCH = """
import sys
seen = []
def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str):
        seen.append(arguments[0])
    elif event.startswith(("subprocess", "socket", "os.exec", "os.posix_spawn", "os.mkdir", "os.remove", "os.rename")):
        seen.append(event)
from offload import __version__
from offload.cli.command import _plain, main, parser
from offload.cli.verbs import VERBS
from offload.status.text.tables import summary_text
sys.addaudithook(hook)
main(sys.argv[2:])
inside = tuple(sys.path) + (sys.argv[1], sys.prefix, sys.base_prefix, "/proc/self/fd/")  # a file in memory
print("\\n".join(name for name in seen if not name.startswith(tuple(filter(None, inside)))), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", PURE, ids=" ".join)
def test_with_root_nothing_of_the_real_system_is_read_or_written(
    root: Path, tmp_path_factory: pytest.TempPathFactory, arguments: list[str]
) -> None:
    def tree() -> dict[str, tuple[int, bytes]]:
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()}

    before = tree()
    own = tmp_path_factory.mktemp("own")
    command = [sys.executable, "-c", WATCH, str(root), *arguments, "--root", str(root)]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    environment["TMPDIR"] = str(own)
    done = subprocess.run(command, env=environment, cwd=own, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert tree() == before
    assert list(own.iterdir()) == []


# A process that gets a signal while it imports the command.
SIGNALLED = """
import os, signal, sys

class Importing:
    def find_spec(name, path=None, target=None):
        if name == "offload.cli.command":
            os.kill(os.getpid(), signal.SIGHUP)

sys.meta_path.insert(0, Importing)
from offload.__main__ import run
run()
"""


@pytest.mark.parametrize(("verb", "code"), [("service", Exit.USAGE), ("status", -signal.SIGHUP)])
def test_a_reload_while_the_service_still_imports_does_not_end_it(root: Path, verb: str, code: int) -> None:
    command = [sys.executable, "-c", SIGNALLED, verb, "--root", str(root)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("verb", "locked", "written"),
    [
        ("takeover", "firewall", "offload.globals.mode='software'"),
        ("giveback", "offload", ".flow_offloading='1'"),
    ],
)
def test_what_was_written_before_a_file_refused_is_named(
    offload: Offload, root: Path, monkeypatch: pytest.MonkeyPatch, verb: str, locked: str, written: str
) -> None:
    monkeypatch.setattr(atomic_file, "PATIENCE", 0.1)
    edit(root, "firewall", "config defaults\n", "config defaults\n\toption flow_offloading '1'\n")
    if verb == "giveback":
        edit(root, "offload", "mode 'none'", "mode 'software'")  # a zone with less would keep all as it is
        assert offload("takeover", "--root", str(root)).code == Exit.DONE
    with atomic_file.locked(root / "etc/config" / locked):
        ran = offload(verb, "--root", str(root))
    assert (ran.code, ran.out, ran.err.count("\n")) == (Exit.FAILED, "", 1)
    assert f"etc/config/{locked} cannot be written" in ran.err
    assert "nothing was changed in it; written before that: " in ran.err and ran.err.rstrip().endswith(written)


def test_where_nothing_was_written_nothing_is_named(
    offload: Offload, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_file, "PATIENCE", 0.1)
    edit(root, "firewall", "config defaults\n", "config defaults\n\toption flow_offloading '1'\n")
    with atomic_file.locked(root / "etc/config/offload"):
        assert "before that" not in offload("takeover", "--root", str(root)).err


def test_a_reader_that_has_seen_enough_is_no_fault(root: Path) -> None:
    command = [sys.executable, "-m", "offload", "print", "--root", str(root)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == Exit.DONE


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
@pytest.mark.parametrize("words", ["version", "check", "status"])
def test_closed_streams_are_no_fault(root: Path, words: str, closed: str) -> None:
    rooted = "" if words == "version" else f" --root '{root}'"
    command = ["sh", "-c", f"exec {sys.executable} -m offload {words}{rooted} {closed}"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (Exit.DONE, b"")


@pytest.mark.parametrize("name", ["snapshot.json", "etc/config/firewall"])
@pytest.mark.parametrize("kind", ["pipe", "device", "large"])
def test_with_root_only_regular_files_of_a_fair_size_are_read(
    offload: Offload, root: Path, name: str, kind: str
) -> None:
    path = root / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, 17 << 20)
    ran = offload("print", "--root", str(root))
    assert ran.code == Exit.FAILED
    assert "larger than 16 MB" in ran.err if kind == "large" else "not a regular file" in ran.err


def test_the_ruleset_of_a_home_router_compiles_no_pattern_for_odd_characters() -> None:
    """Each took the command 1 ms, as much as 2 % of it."""
    home = Path(__file__).parent / "golden/03-lan-guest-wan"
    script = (  # in a process of its own: others of these tests fill caches, after which nothing is compiled
        "import re, sys\n"
        "from offload.cli.firewall.main import main\n"
        f"assert main(['firewall', 'print', '--root', {str(home)!r}]) == 0\n"
        "print(ascii({pattern for _, pattern, _ in re._cache}), file=sys.stderr)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, encoding="utf-8", check=True
    )
    compiled = ast.literal_eval(done.stderr.splitlines()[-1])
    assert compiled, "the cache of re has another form"
    assert compiled.isdisjoint({NOT_IN_PATHS, NO_BYTES, "[A-Za-z0-9_.:+@-]{1,15}"})


HEAVY = ("dataclasses", "ipaddress", "jinja2", "offload.compiler", "offload.config", "offload.service")


@pytest.mark.parametrize("arguments", [["--version"], ["zones"], ["set", "lan", "none"], ["check"]], ids=" ".join)
def test_what_the_service_answers_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from offload.cli import command, router\n"
        "reply = {key: [] for key in 'changed unchanged reasons zones pairs problems missing'.split()} | {'ok': True}\n"
        "router.Router.service_reply = lambda *_: reply\n"
        "try:\n"
        f"    command.main({arguments!r})\n"
        "finally:\n"
        "    print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    loaded = done.stderr.split()
    assert [name for name in loaded if name.startswith(HEAVY)] == []
