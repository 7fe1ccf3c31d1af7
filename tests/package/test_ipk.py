"""What `make package` writes: the same bytes every time, what the Makefile says, and everything Python needs."""

import ast
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from package.ipk import control, pack
from package.recipes import APP, Recipe, recipe_of

from offload import __version__
from package.router import REPOSITORY

FOLDER = REPOSITORY / "package" / "offload"
# OpenWrt splits Python's standard library; what no package here has is in python3-light. The table is that of
# openwrt/packages, lang/python/python3/files/*.mk, and of Python 3.11, which had three modules more.
SPLIT = {
    "python3-asyncio": ("asyncio",),
    "python3-cgi": ("cgi",),
    "python3-cgitb": ("cgitb",),
    "python3-codecs": ("unicodedata", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr"),
    "python3-ctypes": ("ctypes", "_ctypes"),
    "python3-dbm": ("dbm",),
    "python3-decimal": ("decimal", "_decimal"),
    "python3-distutils": ("distutils",),
    "python3-logging": ("logging",),
    "python3-lzma": ("lzma", "_lzma"),
    "python3-multiprocessing": ("multiprocessing",),
    "python3-ncurses": ("curses",),
    "python3-openssl": ("ssl", "_ssl", "_hashlib"),
    "python3-pydoc": ("doctest", "pydoc", "pydoc_data"),
    "python3-readline": ("readline",),
    "python3-sqlite3": ("sqlite3", "_sqlite3"),
    "python3-unittest": ("unittest",),
    "python3-urllib": ("urllib", "email"),
    "python3-uuid": ("uuid", "_uuid"),
    "python3-xml": ("xml", "xmlrpc"),
    "no package": ("idlelib", "tkinter", "turtledemo", "webbrowser"),
}
FROM_FEEDS = {"jinja2": "python3-jinja2", "ubus": "python3-ubus", "uci": "python3-uci"}


def imported() -> set[str]:
    """Every module our sources import, ours aside."""
    found: set[str] = set()
    for file in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
    return {name for name in found if name.partition(".")[0] != "offload"}


def importable(packages: set[str]) -> bool:
    """Whether a Python with these packages of the standard library finds everything we import of it."""
    lacking = [name for package, names in SPLIT.items() if package not in packages for name in names]
    wanted = sorted(name for name in imported() if name.partition(".")[0] not in FROM_FEEDS)
    code = f"import sys; sys.modules |= dict.fromkeys({lacking!r}); import {', '.join(wanted)}"
    return subprocess.run([sys.executable, "-S", "-E", "-c", code], capture_output=True, check=False).returncode == 0


def test_python_finds_what_it_imports_in_the_packages_we_depend_on() -> None:
    depends = set(Recipe.of(FOLDER).depends)
    feeds = {FROM_FEEDS[top] for name in imported() if (top := name.partition(".")[0]) in FROM_FEEDS}
    ours = {package for package in depends if package.startswith("python3-")}
    split = ours & SPLIT.keys()
    assert ours == feeds | split | {"python3-light"}
    assert importable(split)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.11 needs most: its pathlib asks for urllib")
def test_no_package_of_python_is_depended_on_in_vain() -> None:
    split = set(Recipe.of(FOLDER).depends) & SPLIT.keys()
    assert not [package for package in split if importable(split - {package})]


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (pack(recipe_of(FOLDER), tmp_path / name) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert re.fullmatch(r"offload_[0-9.]+-r[0-9]+_all\.ipk", first.name)


def test_the_umask_of_the_checkout_does_not_matter(tmp_path: Path) -> None:
    """What git keeps of a mode is whether a file can be executed."""
    packages = []
    for umask in (0o002, 0o022, 0o077):
        folder = tmp_path / f"{umask:o}" / "luci-app-offload"
        for file in sorted(path for part in ("htdocs", "root") for path in (APP / part).rglob("*") if path.is_file()):
            copy = folder / file.relative_to(APP)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
            copy.chmod((0o777 if file.stat().st_mode & stat.S_IXUSR else 0o666) & ~umask)
        shutil.copy(APP / "Makefile", folder)
        packages.append(pack(recipe_of(folder), folder.parent).read_bytes())
    assert packages[0] == packages[1] == packages[2]


def test_everything_belongs_to_root_and_has_one_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with tarfile.open(pack(recipe_of(FOLDER), tmp_path)) as outer:
        for name in ("./data.tar.gz", "./control.tar.gz"):
            with tarfile.open(fileobj=outer.extractfile(name)) as tar:
                assert {(member.uid, member.gid, member.mtime) for member in tar} == {(0, 0, 1700000000)}


def test_everything_that_shall_lie_on_a_router_is_listed() -> None:
    lists = [(FOLDER.parent / name / "files.list").read_text() for name in ("offload", "offload-firewall")]
    ours, firewalls = ({line.split()[1] for line in text.splitlines() if line[0] != "#"} for text in lists)
    there = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "files").rglob("*") if path.is_file()}
    # the service takes the firewall in hand where this script lies, so it is no part of the package offload
    assert "files/usr/lib/offload/firewall" in firewalls - ours
    assert (ours | firewalls) - {"src/offload/*"} == there


def test_makefile_and_program_have_the_same_version() -> None:
    assert Recipe.of(FOLDER).variables["PKG_VERSION"] == __version__


def test_opkg_has_the_fields_of_the_makefile() -> None:
    recipe = Recipe.of(FOLDER)
    text = next(entry for entry in control(recipe, 1) if entry.path == "control").content.decode()
    fields = dict(line.split(": ", 1) for line in text.splitlines() if not line.startswith(" "))
    assert fields["Package"] == "offload"
    assert fields["Version"] == f"{__version__}-r{recipe.variables['PKG_RELEASE']}"
    assert fields["Depends"].split(", ") == recipe.depends
    assert fields["Architecture"] == "all"
    assert fields["Maintainer"]
    assert (FOLDER / "Makefile").read_text().startswith(f"# SPDX-License-Identifier: {fields['License']}\n")
