"""Read what the packages are from the Makefiles that OpenWrt's SDK reads, so that both build the same packages.

The files are collected by the same stage.sh. Owners, order and times are fixed, so that the same sources give the same
bytes.
"""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from package.entries import READ, RUN, Entry, below

from package import lmo

HERE = Path(__file__).resolve().parent
APP = HERE.parent / "luci-app-offload"
# The name of a language in LuCI's list, by folder of po/; luci.mk has all of them.
LANGUAGES = {"de": "Deutsch (German)"}
DEFINED = re.compile(r"^define (\S+)\n(.*?)^endef$", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"\$\(shell (.*)\)")
ASSIGNED = re.compile(r"^[ \t]*([A-Z_]+):=[ \t]*(.*)$", re.MULTILINE)
# The beginning of the scripts that OpenWrt gives every package (include/package-pack.mk).
FUNCTIONS = """[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. ${IPKG_INSTROOT}/lib/functions.sh
"""
SILENT = '[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n'


@dataclass(frozen=True, slots=True)
class Recipe:
    """A package as its Makefile describes it: the variables, and the texts between define and endef, by name."""

    folder: Path
    variables: Mapping[str, str]
    texts: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> "Recipe":
        """Read FOLDER/Makefile."""
        makefile = (folder / "Makefile").read_text().replace("\\\n", " ")
        texts = {name: text.replace("$$", "$") for name, text in DEFINED.findall(makefile)}
        variables = {name: _asked(value, folder) for name, value in ASSIGNED.findall(makefile)}
        return cls(folder, variables, texts)

    @property
    def name(self) -> str:
        return self.variables["PKG_NAME"]

    @property
    def version(self) -> str:
        """Version and release, as OpenWrt writes them since 24.10: `0.3.0-r1`."""
        return f"{self.variables['PKG_VERSION']}-r{self.variables['PKG_RELEASE']}"

    @property
    def architecture(self) -> str:
        return self.variables["PKGARCH"]

    @property
    def depends(self) -> list[str]:
        return [word.lstrip("+") for word in self.variables["DEPENDS"].split()]

    @property
    def provides(self) -> list[str]:
        return self.variables.get("PROVIDES", "").split()

    @property
    def conflicts(self) -> list[str]:
        return self.variables.get("CONFLICTS", "").split()

    @property
    def url(self) -> str:
        """The variable URL; empty if the Makefile has none."""
        return self.variables.get("URL", "")

    @property
    def source(self) -> str:
        """The path of the Makefile's folder in OpenWrt's build, with this repository as the feed `offload`."""
        folder, feed = self.folder.resolve(), HERE.parent
        return f"feeds/offload/{folder.relative_to(feed) if folder.is_relative_to(feed) else folder.name}"

    def text(self, what: str) -> str:
        """The text of `define Package/NAME/WHAT`; empty where there is none."""
        return self.texts.get(f"Package/{self.name}/{what}", "")

    def stage(self, target: Path) -> None:
        """Copy the package's files into a folder, to their paths on a router."""
        subprocess.run([HERE / "stage.sh", self.folder / "files.list", target], check=True)  # noqa: S603  # our own

    def entries(self) -> Sequence[Entry]:
        """The package's files, links and folders."""
        with TemporaryDirectory() as staged:
            self.stage(Path(staged))
            return tuple(below(Path(staged)))


class Page(Recipe):
    """The package of a LuCI app. Its Makefile has little; the rest is here, as OpenWrt has it in luci.mk."""

    # The script of luci.mk after an installation, so that menu and access rights are read again.
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
        """Copy the package's files into a folder, to their paths on a router."""
        shutil.copytree(self.folder / "htdocs", target / "www")
        shutil.copytree(self.folder / "root", target, dirs_exist_ok=True)
        _settle(target)


class Translation(Recipe):
    """The package with one language of a LuCI app, as luci.mk builds it."""

    @classmethod
    def into(cls, language: str, folder: Path) -> "Translation":
        """Read FOLDER/Makefile; `language` is a folder of FOLDER/po."""
        app = Page.of(folder)
        name = app.name.replace("-app-", "-i18n-") + f"-{language}"
        variables = {**app.variables, "PKG_NAME": name, "DEPENDS": app.name, "LANGUAGE": language}
        texts = {f"Package/{name}/description": f"Translation for {app.name} - {LANGUAGES[language]}"}
        return cls(folder, variables, texts)

    def stage(self, target: Path) -> None:
        """Write the package's files into a folder, to their paths on a router."""
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
    """All packages of this repository."""
    yield from (Recipe.of(makefile.parent) for makefile in sorted(HERE.glob("*/Makefile")))
    yield Page.of(APP)
    yield from (Translation.into(language, APP) for language in LANGUAGES)


def recipe_of(folder: Path) -> Recipe:
    """The package of FOLDER/Makefile, which is a LuCI app if it has no files.list."""
    return (Recipe if (folder / "files.list").exists() else Page).of(folder)


def build_time() -> int:
    """The time of all files, in seconds since 1970: SOURCE_DATE_EPOCH, else that of the last commit, else 0."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    log = ["git", "-C", str(HERE), "log", "-1", "--format=%ct"]
    try:
        return int(subprocess.run(log, capture_output=True, text=True, check=True).stdout)  # noqa: S603  # fixed words
    except (OSError, subprocess.CalledProcessError):
        return 0  # an archive of the sources, without history


def _asked(value: str, folder: Path) -> str:
    """The value of a variable; `$(shell ...)` is run in the Makefile's folder, as make does it."""
    if not (found := SHELL.fullmatch(value)):
        return value
    command = ["sh", "-c", found[1].replace("$$", "$")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603  # our own


def _settle(folder: Path) -> None:
    """Set the modes of files that no list gives to 0755 or 0644: git stores only whether a file is executable."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(RUN if path.stat().st_mode & stat.S_IXUSR else READ)
