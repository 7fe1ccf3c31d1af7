"""The file after a write: it holds our change and everything else, and no uncommitted change of others.

All of it holds for the real pyuci as well; tests/standins/brokers.py describes how to try.
"""

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as some

from offload.errors import FileError
from offload.model.problems.problem import Problem
from offload.model.sections.section import Edit, Removal, Section
from offload.system.config.uci import FakeUci, Uci
from offload.system.files import atomic_file

TEXT = """\
config globals 'globals'
\toption enabled '1'

config zone
\toption name 'lan'
\tlist note 'it'\\''s'
\tlist note 'two
lines'

config exempt 'tv'
\tlist src_ip '192.168.1.9'
"""
FOUR = [("", "10.0.0.1"), ("", "10.0.0.2"), (" 'tv'", "10.0.0.3"), ("", "10.0.0.4")]  # name, address
EDITS = [Edit("guest", "zone", "name", "guest"), Edit("guest", "zone", "mode", "software")]


@pytest.fixture(name="confdir")
def _confdir(tmp_path: Path) -> Path:
    (tmp_path / "offload").write_text(TEXT)
    return tmp_path


def sections(uci: Uci | FakeUci, package: str = "offload") -> list[tuple[str, str, dict[str, object]]]:
    found = uci.read(package)
    assert not isinstance(found, Problem), found
    return [(section.id, section.type, dict(section.options)) for section in found]


def test_a_new_section_stands_behind_the_others(confdir: Path) -> None:
    before = sections(Uci(confdir))
    Uci(confdir).write("offload", EDITS)
    assert sections(Uci(confdir)) == [*before, ("guest", "zone", {"name": "guest", "mode": "software"})]


def test_a_section_named_like_libucis_own_is_no_obstacle(tmp_path: Path) -> None:
    """`uci -n export` writes such names, and backups have them."""
    (tmp_path / "offload").write_text("config zone 'cfg013c06'\n\toption name 'lan'\n")
    Uci(tmp_path).write("offload", [Edit("cfg013c06", "zone", "mode", "software")])
    assert [options for _, _, options in sections(Uci(tmp_path))] == [{"name": "lan", "mode": "software"}]


def test_a_section_without_a_name_is_changed_in_its_place(confdir: Path) -> None:
    found = Uci(confdir).read("offload")
    assert not isinstance(found, Problem)
    Uci(confdir).write("offload", [Edit(found[1].name, "zone", "mode", "none"), Edit("globals", "globals", "enabled")])
    assert sections(Uci(confdir)) == [
        ("globals", "globals", {}),
        ("@zone[0]", "zone", {"name": "lan", "note": ("it's", "two\nlines"), "mode": "none"}),
        ("tv", "exempt", {"src_ip": ("192.168.1.9",)}),
    ]


def test_a_section_is_deleted_also_one_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "offload"
    path.write_text("# top\n" + "".join(f"config exempt{name}\n\tlist src_ip '{ip}'\n" for name, ip in FOUR))
    for place, left in ((1, [0, 2, 3]), (2, [0, 2]), (0, [2])):
        found = Uci(tmp_path).read("offload")
        assert not isinstance(found, Problem)
        Uci(tmp_path).write("offload", [Removal(found[place].name)])
        assert [options["src_ip"] for _, _, options in sections(Uci(tmp_path))] == [(FOUR[each][1],) for each in left]
    assert path.read_text().startswith("# top\n")


def test_an_empty_value_takes_the_option_away_as_uci_set_does(confdir: Path) -> None:
    edits = [
        Edit("globals", "globals", "enabled", ""),
        Edit("tv", "exempt", "src_ip", ""),
        Edit("a", "zone", "mode", ""),
    ]
    fake = FakeUci({"offload": Uci(confdir).read("offload")})
    for uci in (Uci(confdir), fake):
        before = sections(uci)
        uci.write("offload", edits)
        assert sections(uci) == [("globals", "globals", {}), before[1], ("tv", "exempt", {}), ("a", "zone", {})]


def test_a_section_that_is_deleted_can_be_made_again_in_the_same_change(confdir: Path) -> None:
    edits: list[Edit | Removal] = [
        Edit("tv", "exempt", "mark", "0x1"),
        Removal("tv"),
        Edit("tv", "exempt", "src_ip"),
        Edit("tv", "exempt", "src_ip", "10.0.0.1"),
        Edit("a", "zone", "", "nothing"),
        Edit("b", "zone", "mode", "none"),
        Removal("b"),
    ]
    fake = FakeUci({"offload": Uci(confdir).read("offload")})
    for uci in (Uci(confdir), fake):
        before = sections(uci)
        uci.write("offload", edits)
        assert sections(uci) == [*before[:2], ("tv", "exempt", {"src_ip": "10.0.0.1"}), ("a", "zone", {})]


def test_the_second_section_of_one_name_is_read_and_kept_and_an_edit_of_that_name_is_refused(tmp_path: Path) -> None:
    """A file with names that `uci -n export` wrote, after the removal of one section and the addition of another."""
    text = "config exempt 'cfg02c998'\n\tlist src_ip '10.0.0.1'\n\nconfig exempt\n\tlist src_ip '10.0.0.2'\n"
    for more in ("", "package offload\n"):  # libuci, not our own fast parser, reads a file with `package`
        (tmp_path / "offload").write_text(more + text)
        both = [dict(options) for _, _, options in sections(Uci(tmp_path))]
        assert both == [{"src_ip": ("10.0.0.1",)}, {"src_ip": ("10.0.0.2",)}]
        for edit in (Removal("cfg02c998"), Edit("cfg02c998", "exempt", "name", "TV")):
            with pytest.raises(FileError, match=r"two sections in it are called 'cfg02c998'.*remove 'cfg02c998' from"):
                Uci(tmp_path).write("offload", [edit])
        Uci(tmp_path).write("offload", EDITS)
        assert [dict(options) for _, _, options in sections(Uci(tmp_path))][:2] == both


def test_the_comment_at_the_top_stays(confdir: Path) -> None:
    path = confdir / "offload"
    comment = "\n# Examples:\n#\n  # config zone\n"
    path.write_text(comment + TEXT)
    Uci(confdir).write("offload", EDITS)
    Uci(confdir).write("offload", [Edit("guest", "zone", "mode", "none")])
    assert path.read_text().startswith(f"{comment}\nconfig globals")
    assert path.read_text().count("# Examples") == 1


BYTES = b"""\
# f\xfcr das Telefon
config rule 'a'
\toption name '\xd4\xca\xd0\xed'
\tlist note 'gr\xfcn'
\tlist note 'gr\xc3\xbcn'
\toption mode 'none'
"""


def test_bytes_that_are_not_utf8_stay_as_they_are(confdir: Path) -> None:
    (confdir / "offload").write_bytes(BYTES)
    Uci(confdir).write("offload", [Edit("a", "rule", "mode", "software"), Edit("b", "zone", "name", "größer")])
    assert (confdir / "offload").read_bytes() == (
        b"# f\xfcr das Telefon\n\nconfig rule 'a'\n\toption name '\xd4\xca\xd0\xed'\n\tlist note 'gr\xfcn'\n"
        b"\tlist note 'gr\xc3\xbcn'\n\toption mode 'software'\n\n"
        b"config zone 'b'\n\toption name 'gr\xc3\xb6\xc3\x9fer'\n\n"
    )


@given(some.binary(max_size=30).filter(lambda value: not set(value) & set(b"\0\n'\\") and value))
def test_any_bytes_of_a_value_stay_as_they_are(value: bytes) -> None:
    with TemporaryDirectory() as folder:
        confdir = Path(folder)
        (confdir / "offload").write_bytes(b"config rule 'a'\n\toption name '" + value + b"'\n")
        Uci(confdir).write("offload", EDITS)
        assert b"\n\toption name '" + value + b"'\n" in (confdir / "offload").read_bytes()
        sections(Uci(confdir))


@pytest.mark.parametrize("value", ["\ud800", "gr\udcfcn"])
def test_a_value_that_is_no_text_changes_nothing(confdir: Path, value: str) -> None:
    with pytest.raises(FileError, match="nothing was changed"):
        Uci(confdir).write("offload", [Edit("lan", "zone", "name", value)])
    assert (confdir / "offload").read_text() == TEXT


@given(some.text("#\n \tab", max_size=30))
def test_any_text_before_the_first_section_changes_no_section(head: str) -> None:
    comment = "".join(f"{line}\n" for line in head.splitlines() if not line.strip() or line.lstrip().startswith("#"))
    with TemporaryDirectory() as folder:
        confdir = Path(folder)
        (confdir / "offload").write_text(TEXT)
        Uci(confdir).write("offload", EDITS)
        without = sections(Uci(confdir))
        (confdir / "offload").write_text(comment + TEXT)
        Uci(confdir).write("offload", EDITS)
        assert sections(Uci(confdir)) == without


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    Uci(tmp_path).write("offload", EDITS)
    assert sections(Uci(tmp_path)) == [("guest", "zone", {"name": "guest", "mode": "software"})]


def test_rights_and_links_stay_and_no_temporary_file_remains(confdir: Path) -> None:
    real = confdir / "real"
    (confdir / "offload").rename(real)
    real.chmod(0o640)
    (confdir / "offload").symlink_to(real)
    Uci(confdir).write("offload", EDITS)
    assert (confdir / "offload").is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in confdir.iterdir()) == ["offload", "real"]


def test_what_others_have_not_committed_stays_uncommitted(tmp_path: Path) -> None:
    package = f"offload_test_{os.getpid()}"
    (tmp_path / package).write_text("config zone 'lan'\n\toption mode 'none'\n")
    saved = Path("/tmp/.uci", package)  # noqa: S108  # libuci's place, for everybody on a router
    saved.parent.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    saved.write_text(f"{package}.lan.mode='hardware'\n{package}.lan.family='ipv4'\n")
    try:
        Uci(tmp_path).write(package, [Edit("lan", "zone", "after_packets", "5")])
        assert sections(Uci(tmp_path), package) == [("lan", "zone", {"mode": "none", "after_packets": "5"})]
        assert saved.read_text() == f"{package}.lan.mode='hardware'\n{package}.lan.family='ipv4'\n"
    finally:
        saved.unlink()


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ("cfg02c998.enabled='0'", True),
        ("+{}.cfg05c998='exempt'", True),
        ("-{}.cfg03c998", True),
        ("tv.enabled='0'", False),
        ("tv.note='{}.cfg02c998'", False),
    ],
)
def test_no_section_is_deleted_while_uncommitted_changes_would_then_mean_others(
    tmp_path: Path, change: str, *, refused: bool
) -> None:
    package = f"offload_test_{os.getpid()}"
    text = "config exempt\n\nconfig exempt\n\nconfig exempt 'tv'\n"
    (tmp_path / package).write_text(text)
    saved = Path("/tmp/.uci", package)  # noqa: S108  # libuci's place, for everybody on a router
    saved.parent.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    line = change.format(package)
    saved.write_text(f"{package}.tv.mark='1'\n" + (line if line[0] in "+-" else f"{package}.{line}") + "\n")
    try:
        Uci(tmp_path).write(package, [Edit("cfg02c998", "exempt", "src_ip", "10.0.0.1")])
        if refused:
            with pytest.raises(
                FileError, match=f"^nothing was deleted in {tmp_path}/{package}: .*uci changes {package}"
            ):
                Uci(tmp_path).write(package, [Removal("cfg01c998")])
        else:
            Uci(tmp_path).write(package, [Removal("cfg01c998")])
        assert len(sections(Uci(tmp_path), package)) == 2 + refused
    finally:
        saved.unlink()


@pytest.mark.parametrize(("change", "refused"), [("cfg02c998.enabled='0'", True), ("tv.enabled='0'", False)])
def test_no_section_is_deleted_while_unsaved_changes_of_a_login_at_luci_would_then_mean_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, *, refused: bool
) -> None:
    package, logins = f"offload_test_{os.getpid()}", tmp_path / "rpcd"
    text = "config exempt\n\nconfig exempt\n\nconfig exempt 'tv'\n"
    (tmp_path / package).write_text(text)
    for login in ("uci-0", "uci-1"):
        (logins / login).mkdir(parents=True)
    (logins / "uci-1" / package).write_text(f"{package}.{change}\n")
    (logins / "uci-1" / "network").write_text("network.cfg02c998.enabled='0'\n")
    monkeypatch.setattr("offload.system.config.uci.LOGINS", str(logins))
    if refused:
        with pytest.raises(FileError, match=f"^nothing was deleted in {tmp_path}/{package}: .*LuCI.*Unsaved Changes"):
            Uci(tmp_path).write(package, [Removal("cfg01c998")])
    else:
        Uci(tmp_path).write(package, [Removal("cfg01c998")])
    assert len(sections(Uci(tmp_path), package)) == 2 + refused


def test_no_section_is_deleted_while_uncommitted_changes_cannot_be_read(tmp_path: Path) -> None:
    package = f"offload_test_{os.getpid()}"
    (tmp_path / package).write_text("config exempt 'tv'\n")
    saved = Path("/tmp/.uci", package)  # noqa: S108  # libuci's place, for everybody on a router
    saved.mkdir(parents=True)
    try:
        with pytest.raises(FileError, match=f"uncommitted changes in {saved} cannot be read: .*; mend or delete it"):
            Uci(tmp_path).write(package, [Removal("tv")])
    finally:
        saved.rmdir()
    assert (tmp_path / package).read_text() == "config exempt 'tv'\n"


@pytest.mark.parametrize("text", ["config zone\nnonsense\n", "config zone\n\toption name 'lan\n"])
def test_a_broken_file_is_not_touched(confdir: Path, text: str) -> None:
    (confdir / "offload").write_text(text)
    with pytest.raises(FileError, match="not valid UCI"):
        Uci(confdir).write("offload", EDITS)
    assert (confdir / "offload").read_text() == text


def test_what_uci_cannot_take_changes_nothing(confdir: Path) -> None:
    with pytest.raises(FileError, match="nothing was changed"):
        Uci(confdir).write("offload", [Edit("no name", "zone", "name", "guest")])
    assert (confdir / "offload").read_text() == TEXT


def test_a_file_that_another_process_locks_is_a_sentence(confdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic_file, "PATIENCE", 0.1)
    with atomic_file.locked(confdir / "offload"), pytest.raises(FileError, match="nothing was changed"):
        Uci(confdir).write("offload", EDITS)


def test_who_waited_for_the_file_finds_what_was_written_meanwhile(confdir: Path) -> None:
    """The lock is the file's that was there before; who gets it then holds a file that no program will ever read."""
    path, waiting, found = confdir / "offload", threading.Event(), list[bytes]()

    def second() -> None:
        waiting.set()
        with atomic_file.locked(path) as content:
            found.append(content)
            atomic_file.replace(path, content + b"# second\n")

    other = threading.Thread(target=second)
    with atomic_file.locked(path) as content:
        other.start()
        waiting.wait()
        time.sleep(0.1)  # it has opened the file, and waits
        atomic_file.replace(path, content + b"# first\n")
    other.join()
    assert path.read_text() == TEXT + "# first\n# second\n" and found == [TEXT.encode() + b"# first\n"]


def test_who_waited_for_a_file_that_went_away_makes_a_new_one(tmp_path: Path) -> None:
    path, waiting = tmp_path / "offload", threading.Event()

    def second() -> None:
        waiting.set()
        with atomic_file.locked(path) as content:
            atomic_file.replace(path, content + b"# second\n")

    other = threading.Thread(target=second)
    held = atomic_file.locked(path)
    held.__enter__()
    other.start()
    waiting.wait()
    time.sleep(0.1)
    assert held.__exit__(ZeroDivisionError, ZeroDivisionError(), None) is False  # we fail, and leave no file behind
    other.join()
    assert path.read_text() == "# second\n"


FULL = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from offload.errors import FileError
from offload.model.sections.section import Edit
from offload.system.config.uci import Uci
edits = [Edit("guest", "zone", "name", "guest"), Edit("guest", "zone", "mode", "x" * 9000)]
try:
    Uci(sys.argv[1]).write("offload", edits)
except FileError as error:
    print(error)
print(sorted(path.name for path in Path(sys.argv[1]).iterdir()))
print(Path(sys.argv[1], "offload").read_text(), end="")
"""


@pytest.mark.parametrize("full", ["config", "tmp"])
def test_a_full_disk_is_a_sentence_and_nothing_is_lost(tmp_path: Path, full: str) -> None:
    """The disk of the configuration, and that of the copy which libuci works on."""
    for name in ("config", "tmp"):
        (tmp_path / name).mkdir()
    script = (
        f'mount -t tmpfs -o size=8k tmpfs {tmp_path}/{full} && printf %s "$TEXT" > {tmp_path}/config/offload'
        f' && exec {sys.executable} -c "$PROGRAM" {tmp_path}/config'
    )
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to make a mount namespace here")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env=os.environ
        | {"TEXT": TEXT, "PROGRAM": FULL, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    sentence, listing, rest = done.stdout.split("\n", 2)
    assert "nothing was changed" in sentence and "No space left" in sentence and "make room" in sentence, (
        done.stdout + done.stderr
    )
    assert (listing, rest) == ("['offload']", TEXT)


def test_the_fake_takes_what_the_door_takes() -> None:
    fake = FakeUci({"offload": (Section("offload", "zone", "lan", "lan", {"mode": "none"}),)})
    fake.write("offload", [Edit("lan", "zone", "mode", "software"), Edit("guest", "zone", "mode", "none")])
    assert sections(fake) == [("lan", "zone", {"mode": "software"}), ("guest", "zone", {"mode": "none"})]
    fake.refusal = "full"
    with pytest.raises(FileError, match="full"):
        fake.write("offload", EDITS)


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Uci(tmp_path).write("offload", EDITS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "offload").stat().st_mode) == 0o600


KILLED = """
import os, sys
from offload.model.sections.section import Edit
from offload.system.files import atomic_file
from offload.system.config.uci import Uci
os.fsync = lambda _: os.kill(os.getpid(), 9)
Uci(sys.argv[1]).write("offload", [Edit("guest", "zone", "name", "guest")])
"""


def test_files_of_a_killed_writer_are_removed_at_the_next_start(confdir: Path) -> None:
    (confdir / ".offload.uci-XXXXXX").write_text("of libuci, which may be at work")
    command = [sys.executable, "-c", KILLED, str(confdir)]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert len(list(confdir.iterdir())) == 3
    assert (confdir / "offload").read_text() == TEXT
    with atomic_file.locked(confdir / "offload"):
        Uci(confdir).sweep(["offload"])
    assert len(list(confdir.iterdir())) == 3
    Uci(confdir).sweep(["offload", "firewall"])
    assert sorted(path.name for path in confdir.iterdir()) == [".offload.uci-XXXXXX", "offload"]
