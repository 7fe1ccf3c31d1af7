"""The packages for apk: the bytes of the real `apk mkpkg`, and what OpenWrt's scripts expect in them."""

import hashlib
import re
import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from package.entries import LINK, READ, RUN, Entry
from package.mkpkg import FIELDS, SCRIPTS, Dependency
from package.recipes import Recipe, recipe_of, recipes

from offload import __version__
from package import adb, apk, ipk, mkpkg
from package.router import REPOSITORY

FOLDER = REPOSITORY / "package" / "offload"
# Recorded from `apk mkpkg` of apk-tools 3.0.6 with these arguments and SOURCE_DATE_EPOCH. It has every kind of value:
# text with 1, 2 and 4 bytes of length, equal texts, an integer of more than 28 bits, a link, an empty file and folder.
RECORDED = Path(__file__).with_name("sample.apk")
TIME = 1_700_000_000
INFO: mkpkg.Info = {
    "name": "sample",
    "version": "1.2.3-r1",
    "description": "root",
    "arch": "noarch",
    "license": "GPL-2.0-or-later",
    "origin": "feeds/offload/package/sample",
    "maintainer": "M" * 300,
    "depends": [
        Dependency("zlib"),
        Dependency("firewall4", conflict=True),
        Dependency("libc", "1.2"),
        Dependency("zlib"),
    ],
    "provides": [Dependency("uci-firewall", "1.2.3-r1")],
}
ENTRIES = [
    *map(Entry.directory, ("etc", "etc-of", "etc/config", "lib", "lib/empty")),
    Entry("etc-of/file", 0o600, b"one\n"),
    Entry("etc/config/sample", 0o600, b"one\n"),
    Entry("etc/link", LINK, target="config/sample"),
    Entry("lib/nothing", READ),
    Entry("lib/script", RUN, b"#!/bin/sh\n"),
]
ENTRIES_SCRIPTS = {"post-install": "#!/bin/sh\n", "post-upgrade": "#" * 70_000 + "\n"}


def inflated(package: bytes) -> bytes:
    """A package without its compression."""
    assert package[:4] == b"ADBd"
    return zlib.decompress(package[4:], -zlib.MAX_WBITS)


def test_the_bytes_are_those_of_apk_itself() -> None:
    assert mkpkg.written(INFO, ENTRIES, ENTRIES_SCRIPTS, TIME) == inflated(RECORDED.read_bytes())


def value(payload: bytes, number: int) -> Any:
    """A value of an ADB as Python has it: an object is a list of its fields, null is None."""
    kind, rest = number >> 28, number & adb.OFFSET
    if kind in (2, 3):
        return int.from_bytes(payload[rest : rest + (4 if kind == 2 else 8)], "little")
    if kind in (8, 9, 10):
        start = rest + (1, 2, 4)[kind - 8]
        return payload[start : start + int.from_bytes(payload[rest:start], "little")]
    if kind == 14:
        (count,) = struct.unpack_from("<I", payload, rest)
        return [value(payload, each) for each in struct.unpack_from(f"<{count - 1}I", payload, rest + 4)]
    assert kind == 1 or not number
    return rest if number else None


def root(payload: bytes) -> list[Any]:
    """The outermost object of an ADB."""
    (number,) = struct.unpack_from("<I", payload, 4)
    found: list[Any] = value(payload, number)
    return found


def opened(package: bytes) -> tuple[bytes, list[bytes]]:
    """The ADB of an inflated package, and its blocks of data."""
    assert package[:8] == b"ADB." + mkpkg.SCHEMA
    blocks, at = [], 8
    while at < len(package):
        (head,) = struct.unpack_from("<I", package, at)
        size = head & (1 << 30) - 1
        blocks.append((head >> 30, package[at + 4 : at + size]))
        at += size + -size % adb.ALIGNMENT
    assert at == len(package) and [kind for kind, _ in blocks] == [0, *[2] * (len(blocks) - 1)]
    return blocks[0][1], [block for _, block in blocks[1:]]


def read(package: bytes) -> tuple[dict[str, Any], dict[str, tuple[int, bytes]], dict[str, str]]:
    """Of an inflated package the description, the files with their modes, and the scripts."""
    payload, data = opened(package)
    info, paths, scripts = root(payload)
    contents = {struct.unpack_from("<II", block): block[8:] for block in data}
    files = {}
    for number, (folder, _acl, *entries) in enumerate(paths, 1):
        for place, (name, acl, size, _time, digest, *_target) in enumerate(entries[0] if entries else [], 1):
            content = contents.get((number, place), b"")
            assert len(content) == size and hashlib.sha256(content).digest() == digest
            files["/".join(part.decode() for part in (folder, name) if part)] = acl[0], content
    named = {name: text.decode() for name, text in zip(SCRIPTS, scripts, strict=False) if text}
    return dict(zip(FIELDS, info, strict=False)), files, named


@given(some.recursive(some.integers(1, 1 << 40) | some.binary(min_size=1, max_size=70_000), some.lists, max_leaves=30))
def test_every_value_can_be_read_again(content: Any) -> None:
    writer = adb.Adb()

    def write(each: Any) -> adb.Value:
        if isinstance(each, list):
            return writer.object([write(item) for item in each])
        return writer.number(each) if isinstance(each, int) else writer.blob(each)

    def trimmed(each: Any) -> Any:
        """An object ends with its last field, and is null without one."""
        if not isinstance(each, list):
            return each
        fields = [trimmed(item) for item in each]
        while fields and fields[-1] is None:
            fields.pop()
        return fields or None

    number = write(content)
    assert value(writer.finish(number), number) == trimmed(content)


@pytest.mark.parametrize("recipe", list(recipes()), ids=lambda recipe: recipe.name)
def test_both_package_managers_install_the_same_files(recipe: Recipe) -> None:
    info, files, _ = read(apk.content(recipe))
    expected = {entry.path: (entry.mode, entry.content) for entry in recipe.entries() if not entry.is_folder}
    own = {path for path in files if path.startswith(apk.LISTS)}
    assert {path: file for path, file in files.items() if path not in own} == expected
    assert info["installed-size"] == sum(len(content) for _, content in files.values())


def test_the_package_has_its_identity_from_its_content() -> None:
    payload, _ = opened(apk.content(recipe_of(FOLDER)))
    identity = root(payload)[0][FIELDS.index("hashes")]
    assert payload.count(identity) == 1
    empty = payload.replace(identity, bytes(mkpkg.IDENTITY_SIZE))
    assert hashlib.sha256(empty).digest()[: mkpkg.IDENTITY_SIZE] == identity


def test_the_description_is_that_of_the_makefile() -> None:
    recipe = recipe_of(FOLDER)
    info, _, _ = read(apk.content(recipe))
    assert info["name"] == b"offload"
    assert info["version"].decode() == recipe.version == f"{__version__}-r{recipe.variables['PKG_RELEASE']}"
    assert info["arch"] == b"noarch"
    assert [name.decode() for name, *_ in info["depends"]] == sorted(recipe.depends)
    assert b"\n" not in info["description"]


def test_openwrts_scripts_find_the_files_and_the_users_among_them() -> None:
    recipe = recipe_of(FOLDER)
    _, files, _ = read(apk.content(recipe))
    listed = files[f"{apk.LISTS}/offload.list"][1].decode().splitlines()
    assert listed == sorted(f"/{path}" for path in files if not path.startswith(apk.LISTS))
    assert files[f"{apk.LISTS}/offload.conffiles"][1] == b"/etc/config/offload\n"
    digest = hashlib.sha256(files["etc/config/offload"][1]).hexdigest()
    assert files[f"{apk.LISTS}/offload.conffiles_static"][1].decode() == f"/etc/config/offload {digest}\n"


def test_a_package_without_conffiles_has_no_list_of_them() -> None:
    _, files, _ = read(apk.content(next(each for each in recipes() if each.name.startswith("luci-i18n"))))
    assert [path for path in files if path.startswith(apk.LISTS)] == [f"{apk.LISTS}/luci-i18n-offload-de.list"]


def test_the_packages_own_scripts_run_after_the_default_ones() -> None:
    recipe = recipe_of(FOLDER)
    found = apk.scripts(recipe)
    assert set(found) == {"post-install", "post-upgrade", "pre-deinstall", "post-deinstall"}
    pairs = {"post-install": ("default_postinst", "postinst"), "pre-deinstall": ("default_prerm", "prerm")}
    for name, (default, own) in pairs.items():
        _, _, after = found[name].partition(f"\n{default}\n")
        assert after and recipe.text(own).endswith(after)
    upgrade, _, rest = found["post-upgrade"].partition("export PKG_UPGRADE=1\n")
    assert found["post-install"] == upgrade + rest
    assert all(len(re.findall("^#!", script, re.MULTILINE)) == 1 for script in found.values())


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (apk.pack(recipe_of(FOLDER), tmp_path / name) for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert first.name == f"offload-{__version__}-r1.apk"


def test_what_a_package_provides_and_does_not_tolerate(tmp_path: Path) -> None:
    added = "PROVIDES:=uci-firewall\nCONFLICTS:=firewall firewall4\nURL:=https://example.org\n"
    makefile = added + (FOLDER / "Makefile").read_text()
    (tmp_path / "Makefile").write_text(makefile)
    recipe = Recipe.of(tmp_path)
    recipe = Recipe(FOLDER, recipe.variables, recipe.texts)
    info, _, _ = read(apk.content(recipe))
    assert info["provides"] == [[b"uci-firewall", recipe.version.encode()]]
    conflicts = [name for name, *match in info["depends"] if match == [None, mkpkg.ANY | mkpkg.CONFLICT]]
    assert conflicts == [b"firewall", b"firewall4"]
    assert info["url"] == b"https://example.org"
    control = next(entry for entry in ipk.control(recipe, 1) if entry.path == "control").content.decode()
    assert "\nProvides: uci-firewall\n" in control and "\nConflicts: firewall, firewall4\n" in control
    assert "\nURL: https://example.org\n" in control


def test_modes_of_files_are_those_of_the_list() -> None:
    _, files, _ = read(apk.content(recipe_of(FOLDER)))
    assert {stat.S_IMODE(mode) for mode, _ in files.values()} == {0o600, READ, RUN}
    assert files["etc/config/offload"][0] == 0o600
