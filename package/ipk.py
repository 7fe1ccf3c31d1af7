"""Build the packages of opkg (OpenWrt 24.10 and earlier), without OpenWrt's SDK: archives as ipkg-build makes them."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from package.entries import READ, RUN, Entry
from package.recipes import FUNCTIONS, SILENT, Recipe, build_time

# A script of a package; functions.sh calls the package's own, which is in a file with `-pkg` behind its name.
SCRIPT = "#!/bin/sh\n{silent}{functions}{default} $0 $@\n"


def pack(recipe: Recipe, target: Path) -> Path:
    """Build a package in folder `target`; gives its path."""
    time, entries = build_time(), recipe.entries()
    size = sum(len(entry.content) for entry in entries)
    parts = {
        "debian-binary": b"2.0\n",
        "data.tar.gz": _tar(entries, time),
        "control.tar.gz": _tar(control(recipe, size), time),
    }
    target.mkdir(parents=True, exist_ok=True)
    package = target / f"{recipe.name}_{recipe.version}_{recipe.architecture}.ipk"
    package.write_bytes(_tar((Entry(name, READ, content) for name, content in parts.items()), time))
    return package


def control(recipe: Recipe, size: int) -> list[Entry]:
    """The files of control.tar.gz: description and scripts. `size`: of the installed files in bytes."""
    fields = {
        "Package": recipe.name,
        "Version": recipe.version,
        "Depends": ", ".join(recipe.depends),
        "Conflicts": ", ".join(recipe.conflicts),
        "Provides": ", ".join(recipe.provides),
        "Source": recipe.source,
        "Maintainer": recipe.variables["PKG_MAINTAINER"],
        "URL": recipe.url,
        "License": recipe.variables["PKG_LICENSE"],
        "Section": recipe.variables["SECTION"],
        "Architecture": recipe.architecture,
        "Installed-Size": str(size),
        "Description": recipe.text("description").strip(),
    }
    files = {
        "conffiles": (recipe.text("conffiles"), READ),
        "control": ("".join(f"{name}: {value}\n" for name, value in fields.items() if value), READ),
        "preinst": (recipe.text("preinst"), RUN),
        "postinst": (SCRIPT.format(silent=SILENT, functions=FUNCTIONS, default="default_postinst"), RUN),
        "postinst-pkg": (recipe.text("postinst"), RUN),
        "postrm": (recipe.text("postrm"), RUN),
        "prerm": (SCRIPT.format(silent="", functions=FUNCTIONS, default="default_prerm"), RUN),
        "prerm-pkg": (recipe.text("prerm"), RUN),
    }
    return [Entry(name, mode, text.encode()) for name, (text, mode) in files.items() if text]


def _tar(entries: Iterable[Entry], time: int) -> bytes:
    """A compressed archive as ipkg-build makes it: everything belongs to root, and has the same time."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in entries:
            member = tarfile.TarInfo(f"./{entry.path}")
            member.mode, member.mtime, member.size, member.linkname = entry.mode, time, len(entry.content), entry.target
            if entry.is_folder or entry.target:
                member.type = tarfile.DIRTYPE if entry.is_folder else tarfile.SYMTYPE
            tar.addfile(member, io.BytesIO(entry.content))
    return gzip.compress(archive.getvalue(), mtime=0)
