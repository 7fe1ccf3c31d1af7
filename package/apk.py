"""Build the packages of apk (OpenWrt 25.12 and later), without OpenWrt's SDK and without apk.

They hold what OpenWrt's build gives `apk mkpkg` (include/package-pack.mk), and once inflated their bytes are those that
apk-tools 3.0.6 writes; the deflated ones depend on the zlib that made them. They carry no signature, so apk installs
them with --allow-untrusted.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from package.entries import READ, Entry
from package.mkpkg import Dependency
from package.recipes import FUNCTIONS, SILENT, Recipe, build_time

from package import adb, mkpkg

LISTS = "lib/apk/packages"
FIRST_LINE = re.compile(r"^\s*#!.*\n", re.MULTILINE)


def pack(recipe: Recipe, target: Path) -> Path:
    """Build a package in folder `target`; gives its path."""
    target.mkdir(parents=True, exist_ok=True)
    package = target / f"{recipe.name}-{recipe.version}.apk"
    package.write_bytes(adb.compressed(content(recipe)))
    return package


def content(recipe: Recipe) -> bytes:
    """The bytes of a package before it is compressed."""
    entries = recipe.entries()
    return mkpkg.written(info(recipe), [*entries, *lists(recipe, entries)], scripts(recipe), build_time())


def info(recipe: Recipe) -> mkpkg.Info:
    """The fields that describe a package, by their names in apk."""
    conflicts = [Dependency(name, conflict=True) for name in recipe.conflicts]
    return {
        "name": recipe.name,
        "version": recipe.version,
        "description": " ".join(recipe.text("description").split()),
        "arch": {"all": "noarch"}.get(recipe.architecture, recipe.architecture),
        "license": recipe.variables["PKG_LICENSE"],
        "origin": recipe.source,
        "maintainer": recipe.variables["PKG_MAINTAINER"],
        "url": recipe.url,
        "depends": [*map(Dependency, recipe.depends), *conflicts],
        "provides": [Dependency(name, recipe.version) for name in recipe.provides],
    }


def lists(recipe: Recipe, entries: Iterable[Entry]) -> Sequence[Entry]:
    """The files in LISTS, which tell OpenWrt's scripts the files of a package and which of them are configuration."""
    files = {f"/{entry.path}": entry for entry in entries if not entry.is_folder}
    conffiles = recipe.text("conffiles")
    static = (f"{path} {files[path].sha256}\n" for path in conffiles.split() if path in files)
    texts = {
        "list": "".join(f"{path}\n" for path in sorted(files, key=str.encode)),
        "conffiles": conffiles,
        "conffiles_static": "".join(static),
    }
    folders = [Entry.directory(LISTS.rsplit("/", depth)[0]) for depth in (2, 1, 0)]
    places = [(f"{LISTS}/{recipe.name}.{kind}", text.encode()) for kind, text in texts.items() if text]
    return [*folders, *(Entry(place, READ, text) for place, text in places)]


def scripts(recipe: Recipe) -> dict[str, str]:
    """The scripts of a package as OpenWrt composes them for apk, by their names in apk.

    The package's own part runs after that of functions.sh; with opkg it is the other way round. On an upgrade apk runs
    no script of the old version, and post-upgrade of the new one.
    """
    named = f'{FUNCTIONS}export root="${{IPKG_INSTROOT}}"\nexport pkgname="{recipe.name}"\n'
    install = f"{SILENT}{named}add_group_and_user\ndefault_postinst\n{_body(recipe.text('postinst'))}"
    before = recipe.text("preinst")
    found = {
        "pre-install": before,
        "post-install": f"#!/bin/sh\n{install}",
        "pre-deinstall": f"#!/bin/sh\n{named}default_prerm\n{_body(recipe.text('prerm'))}",
        "post-deinstall": recipe.text("postrm"),
        "pre-upgrade": before and f"#!/bin/sh\nexport PKG_UPGRADE=1\n{_body(before)}",
        "post-upgrade": f"#!/bin/sh\nexport PKG_UPGRADE=1\n{install}",
    }
    return {name: script for name, script in found.items() if script}


def _body(script: str) -> str:
    return FIRST_LINE.sub("", script)
