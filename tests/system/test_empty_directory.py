"""Where a snapshot is written: never over anything, never through a link, never into the router's configuration."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from offload.errors import FileError
from offload.model.sections.section import Section
from offload.system.directory import router_directory
from offload.system.directory.router_directory import RouterDirectory
from offload.system.files import empty_directory

FILES = {"etc/config/firewall": b"config zone\n", "snapshot.json": b"{}\n"}


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_directory_that_does_not_exist_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "new" / "directory"
    before = os.umask(0)
    try:
        empty_directory.write(root, FILES)
    finally:
        os.umask(before)
    assert content(root) == FILES
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (root.parent, root, *root.rglob("*")) if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()} == {0o600}


def test_an_empty_directory_is_taken_and_a_relative_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    empty_directory.write(Path("empty"), FILES)
    assert content(tmp_path / "empty") == FILES


def test_a_directory_that_is_not_empty_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match=r"is not empty, and nothing is overwritten"):
        empty_directory.write(tmp_path, FILES)
    assert content(tmp_path) == {"file": b"mine"}


@pytest.mark.parametrize("given", ["link", "link/inner", "file", "file/inner"])
def test_links_and_files_are_not_followed(tmp_path: Path, given: str) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match=r"is a link or no directory"):
        empty_directory.write(tmp_path / given, FILES)
    assert list((tmp_path / "target").iterdir()) == []


def test_the_configuration_is_refused_by_whatever_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "etc" / "config"
    config.mkdir(parents=True)
    monkeypatch.setattr(router_directory, "CONFDIR", str(config))
    for name in (config, tmp_path / "etc" / "x" / ".." / "config", config / "snapshot"):
        (tmp_path / "etc" / "x").mkdir(exist_ok=True)
        with pytest.raises(FileError, match="is the configuration of this router"):
            RouterDirectory(name).write([Section("firewall", "zone", "z", "z", {})], {})
    assert list(config.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(FileError, match="belongs to another user"):
        empty_directory.write(tmp_path, FILES)


def test_a_directory_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refused(path: str, flags: int, *words: int, **options: int) -> int:
        if path == "." and not flags & os.O_PATH:  # root may read a directory of mode 0300
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *words, **options)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(FileError, match=r"cannot be listed: Permission denied; name a directory that does not exist"):
        empty_directory.write(tmp_path, FILES)


def test_no_room_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"new/etc/x{300} cannot be written: File name too long"):
        empty_directory.write(tmp_path / "new", {f"etc/{'x' * 300}": b""})


BIND = """
set -e
mkdir -p live empty snap/etc/config
echo "config interface 'wan'" > live/network
mount --bind live "$1"
shift
exec "$@"
"""
PROGRAM = """
import sys
from pathlib import Path
from offload.errors import FileError
from offload.model.sections.section import Section
from offload.system.directory import router_directory as files
files.CONFDIR = "live"
for root in ("snap", "empty", "snap/etc/config"):
    try:
        files.RouterDirectory(Path(root)).write([Section("network", "interface", "lan", "lan", {})], {})
        print("written", root)
    except FileError as error:
        print(error)
print(Path("live/network").read_text())
"""


@pytest.mark.parametrize("mounted", ["empty", "snap/etc/config"])
def test_a_bind_mount_of_the_configuration_is_recognized(tmp_path: Path, mounted: str) -> None:
    """What lost a PPPoE password: DIR/etc/config was the router's own, by another name."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to make a mount namespace here")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", BIND, "sh", mounted, sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("config interface 'wan'\n\n"), done.stdout
    assert not (tmp_path / "live" / "firewall").exists()
    refused = "empty is the configuration" if mounted == "empty" else "snap/etc/config is the configuration"
    assert refused in done.stdout and "snap is not empty" in done.stdout
