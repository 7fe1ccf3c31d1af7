"""Deletions as bytes, and the same bytes at work in a kernel of this machine."""

import errno
import struct
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from offload.model.applied import Cut
from offload.model.flow import Entry, Tuple
from offload.system.netlink.ct import ctdelete
from offload.system.netlink.ct.conntrack import Conntrack, FakeConntrack
from offload.system.netlink.ct.ctrequest import ALL, OFFLOADED, answers, deletions, which

SRC = Path(__file__).parents[2] / "src"
HERE, THERE = b"\x0a\0\0\1", b"\x0a\0\0\2"


def entry(sport: int = 1000, proto: int = 6, src: bytes = HERE, dst: bytes = THERE) -> Entry:
    ends = Tuple(src, dst, sport, 80)
    return Entry(proto, ends, Tuple(dst, src, 80, sport), 0, 60, 0, None, None, 3, None)


def in_namespace(program: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python program in a network namespace of its own; the test is skipped if this machine cannot."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SRC), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        check=False,
    )
    if done.returncode != 0 and ("no conntrack" in done.stdout or "unshare" in done.stderr):
        pytest.skip(done.stdout + done.stderr)
    return done


def deleting(one: Entry, number: int = 1) -> bytes:
    return deletions({number: which(one.proto, one.original)})


def answer(number: int, refusal: int = 0) -> bytes:
    return struct.pack("=IHHIIi", 36, 2, 0, number, 0, -refusal) + b"\0" * 16


def test_a_deletion_names_the_original_tuple() -> None:
    sent = deleting(entry(), 7)
    assert struct.unpack_from("=IHHIIBBH", sent) == (len(sent), 0x102, 5, 7, 0, 2, 0, 0)
    assert HERE + b"\x08\0\2\0" + THERE in sent
    assert struct.pack("!H", 1000) in sent and struct.pack("!H", 80) in sent
    six = deleting(entry(src=b"\1" * 16, dst=b"\2" * 16))
    assert six[16] == 10 and b"\1" * 16 in six and b"\2" * 16 in six


def test_offloaded_connections_are_chosen_by_the_kernel() -> None:
    """By CTA_STATUS and its mask: IPS_OFFLOAD, which flows in hardware have as well."""
    assert struct.unpack_from("=IHH", OFFLOADED) == (len(OFFLOADED), 0x101, 0x301)
    assert OFFLOADED[8:20] == ALL[8:]
    assert OFFLOADED[20:] == struct.pack("=HH", 8, 3) + b"\0\0\x40\0" + struct.pack("=HH", 8, 26) + b"\0\0\x40\0"


def test_answers_are_read_whatever_they_are() -> None:
    assert answers(answer(1) + answer(2, errno.ENOENT)) == [(1, 0), (2, errno.ENOENT)]
    assert answers(b"") == answers(b"\0" * 15) == answers(b"\0" * 64) == []


def test_a_deletion_names_the_conntrack_zone() -> None:
    zoned = entry()._replace(original=Tuple(HERE, THERE, 1000, 80, 7))
    zone = struct.pack("=HH", 6, 18) + b"\0\7\0\0"  # CTA_ZONE
    assert zone in deleting(zoned)
    assert zone[:4] not in deleting(entry())


class Kernel:
    """Stands where socket.socket stands, and refuses what the test says by the number of the request."""

    refusals: dict[int, int]

    def __init__(self, *_: object) -> None:
        self.waiting: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def settimeout(self, _: float) -> None: ...

    def setsockopt(self, *_: object) -> None: ...

    def send(self, datagram: bytes) -> None:
        at = 0
        while at < len(datagram):
            length, _, _, number = struct.unpack_from("=IHHI", datagram, at)
            self.waiting.append(answer(number, self.refusals.get(number, 0)))
            at += length

    def recv(self, _: int) -> bytes:
        return self.waiting.pop(0)


@pytest.fixture(name="kernel")
def _kernel(monkeypatch: pytest.MonkeyPatch) -> type[Kernel]:
    monkeypatch.setattr("socket.socket", Kernel)
    Kernel.refusals = {}
    return Kernel


@pytest.mark.usefixtures("kernel")
def test_many_are_ended_in_batches() -> None:
    found = Conntrack().delete(entry(port) for port in range(ctdelete.BATCH * 2 + 1))
    assert (found.asked, found.ended, found.error) == (257, 257, "")


class Stubborn(Conntrack):
    """A connection table in which these stay, whatever becomes of the requests."""

    def __init__(self, *staying: Entry) -> None:
        super().__init__()
        self.staying = list(staying)

    def entries(self, *, offloaded: bool = False) -> list[Entry]:  # noqa: ARG002 - as the door
        return self.staying


def test_what_is_gone_already_is_no_refusal(kernel: type[Kernel]) -> None:
    kernel.refusals = {1: errno.ENOENT}
    found = Stubborn().delete([entry(1), entry(2)])
    assert (found.asked, found.ended, found.error) == (2, 1, "")


def test_what_the_kernel_does_not_find_and_is_still_there_is_an_error(kernel: type[Kernel]) -> None:
    kernel.refusals = {1: errno.ENOENT, 2: errno.ENOENT}
    found = Stubborn(entry(2)).delete([entry(1), entry(2)])
    assert (found.asked, found.ended) == (2, 0)
    assert found.error == "1 connections are still there, though the kernel says that it does not find them"


def test_what_was_opened_again_meanwhile_is_ended(kernel: type[Kernel]) -> None:
    kernel.refusals = {2: errno.ENOENT}
    assert Stubborn(entry(2)).delete([entry(1), entry(2)]) == Cut(asked=2, ended=2)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.EBUSY, "older than 6.1.32"), (errno.EPERM, "run as root"), (errno.ENOMEM, "Cannot allocate memory")],
)
def test_a_refusal_is_a_sentence_and_the_others_are_ended(kernel: type[Kernel], number: int, sentence: str) -> None:
    kernel.refusals = {2: number}
    found = Conntrack().delete([entry(1), entry(2), entry(3)])
    assert (found.asked, found.ended) == (3, 2)
    assert sentence in found.error


def test_the_fake_ends_what_it_has() -> None:
    fake = FakeConntrack([entry(1), entry(2)])
    assert fake.delete([entry(2), entry(3)]).ended == 1
    assert fake.entries() == [entry(1)] and fake.deleted == [entry(2)]


FOUND = """
from offload.model.flow import Tuple
from ipaddress import ip_address
src, dest = (ip_address(f"10.0.0.{number}").packed for number in (1, 2))
for proto, ends in ((6, (src, dest, 1, 80)), (6, (dest, src, 80, 1)), (6, (src, dest, 0, 80)), (17, (src, dest, 1, 80)),
                    (1, (src, dest, 1, 80)), (47, (src, dest, 1, 80))):
    print(proto, ends[2:], sorted((entry.proto, entry.original.sport) for entry in door.find(proto, Tuple(*ends))))
"""
INSERTED = """
import subprocess, sys
try:
    for words in ("tcp --state ESTABLISHED --sport 1 --dport 80", "udp --sport 2 --dport 53"):
        command = ["conntrack", "-I", "-p", *words.split(), "-s", "10.0.0.1", "-d", "10.0.0.2", "-t", "600"]
        subprocess.run(command, check=True, capture_output=True)
except (OSError, subprocess.CalledProcessError) as error:
    print("no conntrack here:", getattr(error, "stderr", error)); sys.exit(77)
from offload.system.netlink.ct.conntrack import Conntrack
door = Conntrack()
"""


def test_the_fake_finds_what_a_real_kernel_finds(capsys: pytest.CaptureFixture[str]) -> None:
    done = in_namespace(INSERTED + FOUND)
    exec(FOUND, {"door": FakeConntrack([entry(1), entry(2, 17)])})  # noqa: S102 - the same program for both
    assert done.stdout == capsys.readouterr().out, done.stderr


REAL = """
import subprocess, sys
def insert(*words): subprocess.run(["conntrack", "-I", *words, "-t", "600"], check=True, capture_output=True)
try:
    insert("-p", "tcp", "--state", "ESTABLISHED", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", "1", "--dport", "80")
    insert("-p", "udp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", "2", "--dport", "53")
    insert("-p", "udp", "-s", "2001:db8::1", "-d", "2001:db8::2", "--sport", "3", "--dport", "53")
    for ping in (("-p", "icmp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--icmp-type", "8", "--icmp-code", "0"),
                 ("-p", "icmpv6", "-s", "2001:db8::1", "-d", "2001:db8::2", "--icmpv6-type", "128",
                  "--icmpv6-code", "0")):
        for number in "4567":
            insert(*ping, f"--{ping[1]}-id", number)
    for zone in ("--zone", "--orig-zone"):
        insert("-p", "udp", "-s", "10.0.0.1", "-d", "10.0.0.9", "--sport", "1", "--dport", str(len(zone)), zone, "7")
except (OSError, subprocess.CalledProcessError) as error:
    print("no conntrack here:", getattr(error, "stderr", error)); sys.exit(77)
from offload.system.netlink.ct.conntrack import Conntrack
door = Conntrack()
found = [entry for entry in door.entries() if entry.original.sport in (1, 3)]
print(len(found), door.delete(found), [entry.original.sport for entry in door.entries() if entry.original.sport])
print(door.delete(found))
pings = [entry for entry in door.entries() if entry.proto in (1, 58)]
print(len(pings), door.delete(pings[1:]), len(door.entries()), door.delete(pings[:1]), len(door.entries()))
"""


def test_a_real_kernel_ends_connections() -> None:
    """In a network namespace of its own: four are ended, two of them in a zone, and one stays.

    A second time there is nothing to end. Then pings, which differ by their ids alone.
    """
    done = in_namespace(REAL)
    assert done.stdout.splitlines() == [
        "4 Cut(asked=4, ended=4, error='') [2]",
        "Cut(asked=4, ended=0, error='')",
        "8 Cut(asked=7, ended=7, error='') 2 Cut(asked=1, ended=1, error='') 1",
    ], done.stdout + done.stderr


PACKETS = """
import socket, subprocess, sys
def run(*words): subprocess.run(words, check=True, capture_output=True)
try:
    run("ip", "link", "set", "lo", "up")
    base = "add chain inet t o { type filter hook output priority 0; }"
    run("nft", f"add table inet t; {base}; add rule inet t o ct state new")
except (OSError, subprocess.CalledProcessError) as error:
    print("no conntrack here:", getattr(error, "stderr", error)); sys.exit(77)
for number in (50, 4, 99):  # ESP, IPIP, none
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, number) as one:
        one.sendto(bytes(30), ("127.0.0.1", 0))
from offload.system.netlink.ct.conntrack import Conntrack
door = Conntrack()
found = [entry for entry in door.entries() if entry.proto in (50, 4, 99)]
print(len(found), door.delete(found), door.delete(found))
"""


def test_a_real_kernel_ends_connections_of_protocols_without_ports() -> None:
    done = in_namespace(PACKETS)
    wanted = "3 Cut(asked=3, ended=3, error='') Cut(asked=3, ended=0, error='')"
    assert done.stdout.splitlines() == [wanted], done.stdout + done.stderr
