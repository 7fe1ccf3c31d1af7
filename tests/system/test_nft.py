"""The nft door: nft's own sentence, and every other way in which a program can fail."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.errors import NftError, NftFault
from offload.model.kernel.live_rule import Ruleset
from offload.system.fake_nft import FakeNft
from offload.system.nft.complaints import complaint, sentence
from offload.system.nft.door import Nft
from offload.system.nft.nfnetlink.generation import answer
from offload.system.nft.nfnetlink.rule_runs import Rules
from offload.system.nft.program import LARGEST_OUTPUT


def program(tmp_path: Path, script: str) -> Nft:
    """An nft that is this shell script."""
    path = tmp_path / "nft"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Nft(str(path), timeout=5, generation=count().__next__)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (
            "/dev/stdin:3:1-2: Error: Could not process rule: File exists\nadd rule\n^^\n",
            "Could not process rule: File exists",
        ),
        ("Error: syntax error, unexpected newline\nlist\n    ^\n", "syntax error, unexpected newline"),
        (
            "netlink: Error: cache initialization failed: Operation not permitted",
            "nft may not touch the ruleset: run as root",
        ),
        (
            '/dev/stdin:56:15-20: Error: Interface does not exist\n\t\t\t"br-lan" . "vrf0" : goto policy_0,\n',
            "a device that the text names does not exist, or no more",
        ),
        (
            "Error: No such file or directory\nlist table inet nope\n                ^^^^\n",
            "table nope does not exist, or no more: list table inet nope",
        ),
        (
            "Error: No such file or directory\nlist set inet nope s\n              ^^^^\n",
            "table nope does not exist, or no more: list set inet nope s",
        ),
        (
            "Error: No such file or directory\nlist set inet t nope\n                ^^^^\n",
            "set nope does not exist, or no more: list set inet t nope",
        ),
        (
            "/dev/stdin:1:19-19: Error: No such file or directory\nadd element inet t x { :: }\n                   ^\n",
            "set x does not exist, or no more: add element inet t x { :: }",
        ),
        (
            "/dev/stdin:3:12-16: Error: No such file or directory\n\t\tip saddr @nope accept\n\t\t         ^^^^^\n",
            "set @nope does not exist, or no more: ip saddr @nope accept",
        ),
        ("Error: No such file or directory\n", "what nft was asked for does not exist, or no more"),
        ("Error: No such file or directory\nlist\n         ^\n", "what nft was asked for does not exist, or no more"),
        ("Operation not permitted (you must be root)", "nft may not touch the ruleset: run as root"),
        ("nft: symbol not found\n", "nft: symbol not found"),
        ("\n \n", "nft failed without a word"),
        ("", "nft failed without a word"),
    ],
)
def test_the_sentence_of_a_refusal(stderr: str, expected: str) -> None:
    assert sentence(stderr) == expected


@pytest.mark.parametrize(
    ("complaint_", "fault"),
    [
        ("syntax error, unexpected string", NftFault.REFUSED),
        ("Interface does not exist", NftFault.REFUSED),
        ("Could not process rule: No such file or directory", NftFault.KERNEL_REFUSED),
        ("Could not process rule: Operation not supported", NftFault.NOT_SUPPORTED),
        ("Could not process rule: Message too long", NftFault.FAILED),
        ("Could not process rule: Cannot allocate memory", NftFault.FAILED),
        ("Could not process rule: Operation not permitted", NftFault.NOT_PERMITTED),
    ],
)
def test_a_refusal_has_a_kind_and_its_places(complaint_: str, fault: NftFault) -> None:
    error = complaint(
        f"In file included from /dev/stdin:8:2-31:\n/etc/own:1.nft:3:1-5: Error: {complaint_}\nx\n^\n"
        f"/dev/stdin:12:1-2: Error: {complaint_}\n"
    )
    assert (error.fault, error.places) == (fault, (("/etc/own:1.nft", 3), ("/dev/stdin", 12)))


def test_a_text_is_one_transaction_on_standard_input(tmp_path: Path) -> None:
    nft = program(tmp_path, f'echo "$@" >{tmp_path}/arguments; cat >{tmp_path}/input')
    nft.apply("table inet t\n")
    assert (tmp_path / "input").read_text() == "table inet t\n"
    assert (tmp_path / "arguments").read_text() == "-f -\n"
    nft.check("table inet u\n")
    assert (tmp_path / "arguments").read_text() == "-c -f -\n"


def test_names_of_files_are_bytes(tmp_path: Path) -> None:
    nft = program(tmp_path, f"cat >{tmp_path}/input; printf '/B\\374ro.nft:3:1-2: Error: /B\\374ro.nft\\n' >&2; exit 1")
    with pytest.raises(NftError) as refusal:
        nft.check('include "/B\udcfcro.nft"\n')
    assert (tmp_path / "input").read_bytes() == b'include "/B\xfcro.nft"\n'
    assert refusal.value.places == (("/B\udcfcro.nft", 3),) and str(refusal.value) == "/B?ro.nft"


def test_a_refusal_is_nft_s_sentence(tmp_path: Path) -> None:
    nft = program(
        tmp_path, 'cat >/dev/null; echo "/dev/stdin:1:1-2: Error: Could not process rule: File exists" >&2; exit 1'
    )
    with pytest.raises(NftError, match=r"^Could not process rule: File exists$"):
        nft.apply("x")


def test_a_program_that_is_missing() -> None:
    with pytest.raises(NftError, match=r"^the program nft is missing: install nftables-json$"):
        Nft("/nowhere/nft").version()


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "nft").write_text("")
    with pytest.raises(NftError, match=r"^the program nft cannot be run: Permission denied$"):
        Nft(str(tmp_path / "nft")).version()


def test_a_program_that_does_not_come_back(tmp_path: Path) -> None:
    path = program(tmp_path, "sleep 60")._program.path
    begin = time.monotonic()
    with pytest.raises(NftError, match=r"^nft did not answer within 0.2 seconds$"):
        Nft(path, timeout=0.2, generation=count().__next__).apply("x")
    assert time.monotonic() - begin < 5


def test_a_run_that_is_hurried_ends_sooner(tmp_path: Path) -> None:
    """As by a signal that asks the service to end."""
    nft = program(tmp_path, "exec >&- 2>&-; sleep 60")
    begin = time.monotonic()
    with (
        alarm(0.2, lambda: nft.hurry(0.3)),
        pytest.raises(NftError, match=r"^nft did not answer within 0\.\d+ seconds$"),
    ):
        nft.apply("x")
    assert time.monotonic() - begin < 2


@contextmanager
def alarm(seconds: float, handler: Callable[[], None]) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, lambda *_: handler())
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_an_nft_that_floods_is_read_with_a_limit(tmp_path: Path, stream: str) -> None:
    nft = program(tmp_path, f"head -c {3 * LARGEST_OUTPUT} /dev/zero {stream}; exit 1")
    before = peak()
    with pytest.raises(NftError, match=r"^nft printed more than 16 MB|^\?{300}$"):
        nft.apply("x")
    assert peak() - before < 4 * LARGEST_OUTPUT >> 10


def peak() -> int:
    """The most memory of this process so far, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_large_text_and_a_large_answer_at_the_same_time(tmp_path: Path) -> None:
    nft = program(tmp_path, f"exec 3<&0; cat <&3 >{tmp_path}/input & head -c 5000000 /dev/zero; wait")
    text = "x" * 5_000_000
    nft.apply(text)
    assert (tmp_path / "input").read_text() == text


def test_a_text_that_nft_does_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(NftError, match=r"^no$"):
        program(tmp_path, 'echo "Error: no" >&2; exit 1').apply("x" * 5_000_000)


def test_json_that_is_nested_too_deep_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "answer").write_text('{"nftables":' + "[" * 100_000 + "]" * 100_000 + "}")
    nft = program(tmp_path, f"cat {tmp_path}/answer")
    with pytest.raises(NftError, match="did not answer in JSON"):
        nft.lists()


def test_an_nft_that_does_nothing_in_silence_is_noticed(tmp_path: Path) -> None:
    path = program(tmp_path, "exit 0")._program.path
    with pytest.raises(NftError, match="reports success, but the kernel's ruleset has not changed"):
        Nft(path, generation=lambda: 7).apply("add table inet t\n")


NAMESPACE = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None, reason="needs nft and a network namespace"
)


def printed(program: str) -> str:
    """What a Python program prints in a network namespace of its own."""
    argv = ["unshare", "-n", sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(argv, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # stderr: pytest shows
    return done.stdout


@NAMESPACE
def test_the_generation_is_the_kernel_s() -> None:
    """Raised by a transaction that changes something, and by no other."""
    assert printed(GENERATIONS).split() == ["True", "True", "True"]


GENERATIONS = """
from offload.system.nft.door import Nft
from offload.system.nft.nfnetlink.generation import generation
nft, first = Nft(), generation()
nft.apply("add table inet t")
print(generation() > first)
nft.check("add table inet u")
print(generation() == first + 1)
nft.apply("delete table inet t")
print(generation() == first + 2)
"""


@NAMESPACE
def test_no_rule_is_as_before_once_a_table_was_loaded_again() -> None:
    """A table that is deleted and made again gives its rules the same handles, also within one transaction."""
    assert printed(LOADS).split() == ["True"] * 5


LOADS = """
from offload.system.nft.door import Nft
nft, rules = Nft(), "table inet fw4 { chain forward { tcp dport 80 accept; }; }"
print(nft.handles("fw4") == frozenset())
nft.apply(rules)
seen = [nft.handles("fw4")]
for before in ("flush table inet fw4", "delete table inet fw4", ""):
    nft.apply(f"{before}\\n{rules}" if before else "delete table inet fw4")
    seen.append(nft.handles("fw4"))
nft.apply(rules)
seen.append(nft.handles("fw4"))
print(not seen[3])
for one, other in ((0, 1), (1, 2), (2, 4)):
    print(bool(seen[other]) and seen[one].isdisjoint(seen[other]))
"""


@given(st.binary(max_size=80))
def test_any_answer_about_the_generation_is_read(datagram: bytes) -> None:
    with suppress(OSError):
        assert answer(datagram) >= 0


@pytest.mark.parametrize(
    ("printed", "version"),
    [("nftables v1.0.6 (Lester Gooch #5)", "1.0.6"), ("nftables 1.1", "1.1"), ("something else", ""), ("", "")],
)
def test_the_version(tmp_path: Path, printed: str, version: str) -> None:
    assert program(tmp_path, f"echo '{printed}'").version() == version


@pytest.mark.parametrize("printed", ["", "table inet x { }", "[]", "{}", '{"nftables": 1}'])
def test_an_nft_without_json_is_named(tmp_path: Path, printed: str) -> None:
    nft = program(tmp_path, f"echo '{printed}'")
    with pytest.raises(NftError, match=r"nft -j list flowtables did not answer in JSON: install nftables-json"):
        nft.lists()


@pytest.mark.parametrize("printed", ["JSON support not compiled-in", "Error: JSON support not compiled-in"])
def test_an_nft_that_was_built_without_json_is_named(tmp_path: Path, printed: str) -> None:
    nft = program(tmp_path, f"echo '{printed}' >&2; exit 1")
    with pytest.raises(NftError, match=r"this nft was built without JSON: install nftables-json") as raised:
        nft.lists()
    assert raised.value.fault is NftFault.NO_JSON


def test_what_is_not_there_is_not_listed() -> None:
    assert Nft("/nowhere/nft", tables=frozenset).live(["flow_offload"]) == {}


def test_the_fake_refuses_with_its_sentence() -> None:
    with pytest.raises(NftError, match="busy"):
        FakeNft(refusal="busy").apply("x")


SAME = """
from offload.errors import NftError
for text in ("", "\\n", "add table inet t\\n", "delete table inet t\\n"):
    try:
        door.check("")
        door.apply(text)
    except NftError as error:
        print(error)
print(door.transactions)
"""


@NAMESPACE
def test_the_fake_counts_and_refuses_as_the_real_one(capsys: pytest.CaptureFixture[str]) -> None:
    real = printed(f"from offload.system.nft.door import Nft\ndoor = Nft()\n{SAME}")
    exec(SAME, {"door": FakeNft()})  # noqa: S102 - the same program for both
    assert real == capsys.readouterr().out
    assert real.splitlines()[-1] == "2"


@pytest.mark.skipif(shutil.which("nft") is None, reason="this machine has no nft")
def test_the_real_program_has_a_version() -> None:
    assert Nft().version()[0].isdecimal()


def test_rules_of_others_are_read_again_only_where_there_are_new_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ten thousand rules cost a second of a router's time, so a pass without a change must not read them."""
    reads: list[int] = []

    def ruleset(before: Rules) -> tuple[Ruleset, Rules]:
        reads.append(1)
        return ((), ()), before

    monkeypatch.setattr("offload.system.nft.door.kernel.ruleset", ruleset)
    now = [7]
    nft = Nft(str(tmp_path / "nft"), generation=lambda: now[0])
    assert nft.ruleset() is nft.ruleset() and len(reads) == 1
    now[0] += 1
    nft.ruleset()
    assert len(reads) == 2


def test_transactions_of_others_are_those_that_are_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [7]
    monkeypatch.setattr("offload.system.nft.door.kernel.ruleset", lambda before: (((), ()), before))
    monkeypatch.setattr(Nft, "_run", lambda *_, **__: now.append(now.pop() + 1))
    nft = Nft(str(tmp_path / "nft"), generation=lambda: now[0])
    nft.ruleset()
    before = nft.of_others
    for text in ("table inet flow_offload {}\n", "table inet fw4 {}\n"):
        nft.apply(text)
        nft.ruleset()
        assert nft.of_others == before
    now[0] += 2
    nft.ruleset()
    assert nft.of_others == before + 2


def test_a_transaction_of_others_while_rules_are_listed_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [7]

    def ruleset(before: Rules) -> tuple[Ruleset, Rules]:
        now[0] += 1
        return ((), ()), before

    monkeypatch.setattr("offload.system.nft.door.kernel.ruleset", ruleset)
    nft = Nft(str(tmp_path / "nft"), generation=lambda: now[0])
    nft.ruleset()
    assert nft.of_others == 8
