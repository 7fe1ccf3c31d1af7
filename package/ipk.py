"""Makes the packages of opkg, without OpenWrt's SDK: `python -m package.ipk`.

Name, dependencies and scripts are read from the Makefile that the SDK reads, and the files are put together by the
same stage.sh, so both kinds of package hold the same. Owners, order and times are fixed: the same sources give the same
bytes.
"""

import gzip
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from package import lmo

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "packages"
APP = HERE.parent / "luci-app-offload"
# What LuCI calls a language in its list, by folder of po/; luci.mk has them all.
LANGUAGES = {"de": "Deutsch (German)"}
DEFINED = re.compile(r"^define (\S+)\n(.*?)^endef$", re.DOTALL | re.MULTILINE)
ASSIGNED = re.compile(r"^[ \t]*([A-Z_]+):=[ \t]*(.*)$", re.MULTILINE)
# What OpenWrt gives every package (include/package-pack.mk); the package's own script is called from functions.sh.
SCRIPT = """#!/bin/sh
{silent}[ -s "${{IPKG_INSTROOT}}/lib/functions.sh" ] || exit 0
. ${{IPKG_INSTROOT}}/lib/functions.sh
{default} $0 $@
"""
SILENT = '[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n'
RUN, READ = 0o755, 0o644


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a Makefile says about the package: variables, and the texts between define and endef."""

    folder: Path
    variables: Mapping[str, str]
    texts: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> "Recipe":
        """Read FOLDER/Makefile, where the package has the folder's name."""
        makefile = (folder / "Makefile").read_text().replace("\\\n", " ")
        texts = {name: text.replace("$$", "$") for name, text in DEFINED.findall(makefile)}
        return cls(folder, dict(ASSIGNED.findall(makefile)), texts)

    @property
    def name(self) -> str:
        return self.variables["PKG_NAME"]

    @property
    def version(self) -> str:
        """As OpenWrt writes it since 24.10."""
        return f"{self.variables['PKG_VERSION']}-r{self.variables['PKG_RELEASE']}"

    @property
    def depends(self) -> list[str]:
        return [word.lstrip("+") for word in self.variables["DEPENDS"].split()]

    def text(self, what: str) -> str:
        """The text of `define Package/NAME/WHAT`; empty where there is none."""
        return self.texts.get(f"Package/{self.name}/{what}", "")

    def stage(self, target: Path) -> None:
        """Copy what lands on a router into a folder."""
        subprocess.run([HERE / "stage.sh", self.folder / "files.list", target], check=True)  # noqa: S603  # our own

    def control(self, size: int) -> dict[str, tuple[str, int]]:
        """The files that tell opkg what to do: content and mode."""
        description = self.text("description").strip()
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Depends": ", ".join(self.depends),
            "Maintainer": self.variables["PKG_MAINTAINER"],
            "License": self.variables["PKG_LICENSE"],
            "Section": self.variables["SECTION"],
            "Architecture": self.variables["PKGARCH"],
            "Installed-Size": str(size),
            "Description": description,
        }
        files = {
            "conffiles": (self.text("conffiles"), READ),
            "control": ("".join(f"{name}: {value}\n" for name, value in fields.items()), READ),
            "postinst": (SCRIPT.format(silent=SILENT, default="default_postinst"), RUN),
            "postinst-pkg": (self.text("postinst"), RUN),
            "postrm": (self.text("postrm"), RUN),
            "prerm": (SCRIPT.format(silent="", default="default_prerm"), RUN),
            "prerm-pkg": (self.text("prerm"), RUN),
        }
        return {name: (text, mode) for name, (text, mode) in files.items() if text}


class Page(Recipe):
    """A LuCI app: its Makefile says little, since OpenWrt's luci.mk says the rest, and so does this."""

    # What luci.mk does after an installation, so that menu and rights are read anew.
    POSTINST = (
        '[ -n "${IPKG_INSTROOT}" ] || {\n'
        "\trm -f /tmp/luci-indexcache.*\n\trm -rf /tmp/luci-modulecache/\n"
        "\t/etc/init.d/rpcd reload 2>/dev/null\n\texit 0\n}\n"
    )

    @classmethod
    def of(cls, folder: Path) -> "Page":
        """Read FOLDER/Makefile."""
        own = Recipe.of(folder).variables
        names = {"DEPENDS": "DEPENDS", "PKG_MAINTAINER": "MAINTAINER", "PKGARCH": "PKGARCH"}
        variables = {**own, **{name: own[f"LUCI_{theirs}"] for name, theirs in names.items()}}
        variables |= {"PKG_NAME": folder.name, "SECTION": "luci"}
        texts = {"conffiles": "", "description": " ".join(own["LUCI_DESCRIPTION"].split()), "postinst": cls.POSTINST}
        return cls(folder, variables, {f"Package/{folder.name}/{what}": text for what, text in texts.items()})

    def stage(self, target: Path) -> None:
        """Copy what lands on a router into a folder."""
        shutil.copytree(self.folder / "htdocs", target / "www")
        shutil.copytree(self.folder / "root", target, dirs_exist_ok=True)
        _settle(target)


class Translation(Recipe):
    """One language of a LuCI app, a package of its own as luci.mk makes it."""

    @classmethod
    def into(cls, language: str, folder: Path) -> "Translation":
        """Read FOLDER/Makefile; `language` is a folder of FOLDER/po."""
        app = Page.of(folder)
        name = app.name.replace("-app-", "-i18n-") + f"-{language}"
        variables = {**app.variables, "PKG_NAME": name, "DEPENDS": app.name, "LANGUAGE": language}
        texts = {f"Package/{name}/description": f"Translation for {app.name} - {LANGUAGES[language]}"}
        return cls(folder, variables, texts)

    def stage(self, target: Path) -> None:
        """Write what lands on a router into a folder."""
        language = self.variables["LANGUAGE"]
        catalogues, defaults = target / "usr/lib/lua/luci/i18n", target / "etc/uci-defaults"
        catalogues.mkdir(parents=True)
        defaults.mkdir(parents=True)
        for file in sorted((self.folder / "po" / language).glob("*.po")):
            (catalogues / f"{file.stem}.{language}.lmo").write_bytes(lmo.compiled(file.read_text()))
        offer = f"uci set luci.languages.{language}='{LANGUAGES[language]}'; uci commit luci\n"
        (defaults / self.name).write_text(offer)
        _settle(target)


def recipes() -> Iterator[Recipe]:
    """All packages there are."""
    yield from (Recipe.of(makefile.parent) for makefile in sorted(HERE.glob("*/Makefile")))
    yield Page.of(APP)
    yield from (Translation.into(language, APP) for language in LANGUAGES)


def build(folder: Path, target: Path) -> Path:
    """Write the package of FOLDER/Makefile into `target`."""
    return pack((Recipe if (folder / "files.list").exists() else Page).of(folder), target)


def pack(recipe: Recipe, target: Path) -> Path:
    """Write a package into `target`."""
    time = _time()
    with TemporaryDirectory() as staged:
        recipe.stage(Path(staged))
        files = sorted(Path(staged).rglob("*"))
        data = _tar(((path.relative_to(staged).as_posix(), *_content(path)) for path in files), time)
        size = sum(path.stat().st_size for path in files if path.is_file())
    control = ((name, text.encode(), mode) for name, (text, mode) in recipe.control(size).items())
    parts = {"debian-binary": b"2.0\n", "data.tar.gz": data, "control.tar.gz": _tar(control, time)}
    target.mkdir(parents=True, exist_ok=True)
    package = target / f"{recipe.name}_{recipe.version}_{recipe.variables['PKGARCH']}.ipk"
    package.write_bytes(_tar(((name, content, READ) for name, content in parts.items()), time))
    return package


def _settle(folder: Path) -> None:
    """Of modes, where no list says them, leave what git keeps: the rest is the umask of whoever made the checkout."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(RUN if path.stat().st_mode & stat.S_IXUSR else READ)


def _content(path: Path) -> tuple[bytes | None, int]:
    """Of a file; a folder has none. A folder's mode does not depend on the umask here."""
    return (path.read_bytes(), path.stat().st_mode & 0o777) if path.is_file() else (None, RUN)


def _tar(members: Iterable[tuple[str, bytes | None, int]], time: int) -> bytes:
    """A compressed archive as ipkg-build makes it: everything belongs to root, and has the same time."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content, mode in members:
            member = tarfile.TarInfo(f"./{name}")
            member.mode, member.mtime = mode, time
            if content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(content)
            tar.addfile(member, None if content is None else io.BytesIO(content))
    return gzip.compress(archive.getvalue(), mtime=0)


def _time() -> int:
    """SOURCE_DATE_EPOCH, or when the last change was committed; 0 where neither can be known."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    log = ["git", "-C", str(HERE), "log", "-1", "--format=%ct"]
    try:
        return int(subprocess.run(log, capture_output=True, text=True, check=True).stdout)  # noqa: S603  # fixed words
    except (OSError, subprocess.CalledProcessError):
        return 0  # an archive of the sources, without history


def main() -> None:
    """Make every package there is, and say where it is."""
    for recipe in recipes():
        package = pack(recipe, BUILD)
        sys.stdout.write(f"{package.relative_to(HERE.parent)}: {package.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
