"""Reading conntrack: from this machine's kernel, and from a fake one with errors, interruptions and short replies."""

import errno
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from offload.errors import KernelError
from offload.model.applied import Cut
from offload.model.flow import Entry, Tuple
from offload.system.netlink import dump
from offload.system.netlink.ct.conntrack import Conntrack, FakeConntrack
from offload.system.netlink.ct.ctdump import NO_PERMISSION
from status.routers import entry

RECORDED = Path(__file__).parent / "recorded" / "offload-acct.bin"
SRC = Path(__file__).parents[2] / "src"

DONE = struct.pack("=IHHII", 20, 3, 0, 1, 0) + b"\0" * 4
INTERRUPTED = struct.pack("=IHHII", 20, 3, 0x10, 1, 0) + b"\0" * 4
OVERRUN = OSError(errno.ENOBUFS, "No buffer space available")


def refusal(number: int) -> bytes:
    return struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -number)


class ScriptedKernel:
    """Stands where socket.socket stands; each dump gets the next answer: datagrams, or an error to be raised."""

    def __init__(self, *answers: Iterable[bytes | OSError]) -> None:
        self.answers = list(answers)
        self.open = 0

    def __call__(self, *_: object) -> "ScriptedKernel":
        self.open += 1
        self.datagrams = iter(self.answers.pop(0))
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.open -= 1

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def setsockopt(self, _level: int, option: int, _value: int) -> None:
        if option == dump.SO_RCVBUFFORCE:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    def send(self, request: bytes) -> None:
        assert struct.unpack("=IHHIIBBH", request) == (20, 0x101, 0x301, 1, 0, 0, 0, 0)

    def recv(self, _size: int) -> bytes:
        answer = next(self.datagrams)
        if isinstance(answer, OSError):
            raise answer
        return answer


def ask(monkeypatch: pytest.MonkeyPatch, *answers: Iterable[bytes | OSError]) -> list[Entry]:
    kernel = ScriptedKernel(*answers)
    monkeypatch.setattr("socket.socket", kernel)
    try:
        return Conntrack().entries()
    finally:
        assert kernel.open == 0
        assert not kernel.answers


def test_datagrams_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = RECORDED.read_bytes()
    cut = struct.unpack_from("=I", whole)[0]
    assert len(ask(monkeypatch, [whole[:cut], whole[cut:]])) == 15


def test_interrupted_dump_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(ask(monkeypatch, [INTERRUPTED], [RECORDED.read_bytes()])) == 15


def test_always_interrupted_dump_is_taken_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = RECORDED.read_bytes()[:-20] + INTERRUPTED
    assert len(ask(monkeypatch, [INTERRUPTED], [INTERRUPTED], [whole])) == 15


def test_overrun_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, [OVERRUN], [DONE]) == []


SENTENCES = {
    "no permission": ([[refusal(errno.EPERM)]], "run as root"),
    "no ctnetlink": ([[refusal(errno.EINVAL)]], "install kmod-nf-conntrack-netlink"),
    "anything else": ([[refusal(errno.ENOMEM)]], "Cannot allocate memory"),
    "no answer": ([[TimeoutError("timed out")]], "within 10 s"),
    "overrun every time": ([[OVERRUN]] * dump.TRIES, "too busy"),
}


@pytest.mark.parametrize(("answers", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_refusal_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, answers: list[list[bytes | OSError]], sentence: str
) -> None:
    with pytest.raises(KernelError, match=sentence):
        ask(monkeypatch, *answers)


def test_kernel_without_netfilter_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")

    monkeypatch.setattr("socket.socket", refuse)
    with pytest.raises(KernelError, match="kmod-nf-conntrack-netlink"):
        Conntrack().entries()


def test_fake_gives_what_it_was_given() -> None:
    ends = Tuple(b"\x0a\0\0\1", b"\x0a\0\0\2", 1, 2)
    one = Entry(17, ends, ends, 0, None, 0, None, None, None, None)
    assert FakeConntrack([one]).entries() == [one]
    with pytest.raises(KernelError, match="gone"):
        FakeConntrack(error=KernelError("gone")).entries()


PROGRAM = f"""
import sys
sys.path.insert(0, {str(SRC)!r})
from offload.errors import KernelError
from offload.system.netlink.ct.conntrack import Conntrack
try:
    for entry in Conntrack().entries():
        print(entry.proto, entry.original.src.hex(), entry.original.dport, entry.timeout, entry.tcp_state, entry.mark)
except KernelError as error:
    print(error)
"""
INSERT = "conntrack -I -p tcp -s {src} -d {dst} --sport 1 --dport 443 --state ESTABLISHED -t 300 -m 7"


def in_namespace(*unshare: str, script: str = "") -> list[str]:
    """Run the reader in namespaces of its own, after the shell commands of script."""
    if shutil.which("conntrack") is None or shutil.which("unshare") is None:
        pytest.skip("needs the programs conntrack and unshare")
    if subprocess.run(["unshare", *unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to make a namespace here")
    command = f'set -e; {script} exec {sys.executable} -c "$PROGRAM"'
    run = subprocess.run(
        ["unshare", *unshare, "sh", "-c", command],
        check=False, capture_output=True, text=True, env={"PROGRAM": PROGRAM, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    assert "Traceback" not in run.stderr
    if run.returncode:
        pytest.skip(f"this kernel cannot be asked: {run.stderr}")
    return run.stdout.splitlines()


def test_real_kernel_lists_both_families() -> None:
    script = "; ".join(
        [INSERT.format(src="192.0.2.1", dst="192.0.2.2"), INSERT.format(src="fd00::1", dst="fd00::2"), ""]
    )
    first, second = sorted(in_namespace("-rn", script=script))
    assert first.startswith("6 c0000201 443 ") and first.endswith(" 3 7")
    assert second.startswith("6 fd000000000000000000000000000001 443 ") and second.endswith(" 3 7")


def test_real_kernel_refuses_who_is_not_root() -> None:
    (sentence,) = in_namespace("-U")
    assert sentence == NO_PERMISSION


@pytest.mark.parametrize("dumps", [0, 1], ids=["the first dump", "the last dump"])
def test_an_error_of_a_dump_after_deletions_is_in_the_result(monkeypatch: pytest.MonkeyPatch, dumps: int) -> None:
    """What was deleted before counts: who asked for it has to know."""
    kept, gone = (entry(f"10.0.0.1#{port} > 10.0.0.2#80", proto=6) for port in (1, 2))
    found = iter([[gone]] * dumps)

    def entries(_: Conntrack) -> list[Entry]:
        if (listed := next(found, None)) is None:
            raise KernelError("the kernel has no memory for it")
        return listed

    monkeypatch.setattr(Conntrack, "entries", entries)
    monkeypatch.setattr("offload.system.netlink.ct.conntrack.end", lambda wanted: (Cut(2, 1), [wanted[-1]]))
    assert Conntrack().delete([kept, gone]) == Cut(2, 1 + dumps, "the kernel has no memory for it")
