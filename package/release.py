"""`make release`: check that version, changelog, docs and packages agree; then build the packages, with their SHA-256.

The version has one place, src/offload/__init__.py. Nothing is published or tagged here.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from package.recipes import HERE, recipes

from package import apk, ipk

ROOT = HERE.parent
BUILD = ROOT / "build" / "packages"
SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
DATED = re.compile(r"(\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)")
PACKAGE = re.compile(r"offload[\w-]*[-_](\d+\.\d+\.\d+)")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def version(root: Path = ROOT) -> str:
    """The version of the program."""
    (found,) = re.findall(r'^__version__ = "(.*)"$', (root / "src/offload/__init__.py").read_text(), re.MULTILINE)
    return str(found)


def disagreements(root: Path = ROOT) -> Iterator[str]:
    """A sentence for each file that is not ready for a release of this version."""
    number = version(root)
    yield from _changelog((root / "CHANGELOG.md").read_text(), number)
    pages = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    for page in sorted(pages):
        name, text = page.relative_to(root), page.read_text()
        if page.name != "CHANGELOG.md":
            for other in sorted(set(PACKAGE.findall(text)) - {number}):
                yield f"{name} names a package of version {other}, but this is {number}"
        for target in sorted(set(LINK.findall(text))):
            if not (page.parent / target).exists():
                yield f"{name} links {target}, which does not exist"
    for recipe in recipes():
        if recipe.version.partition("-r")[0] != number:
            yield f"the package {recipe.name} has version {recipe.version}, but the program is {number}"


def _changelog(text: str, number: str) -> Iterator[str]:
    titles = SECTION.findall(text)
    if "Unreleased" in titles:
        yield f"CHANGELOG.md still has a section 'Unreleased': give it the title '{number} (YYYY-MM-DD)'"
    dated = [found.groups() for title in titles if (found := DATED.fullmatch(title))]
    if not dated or dated[0][0] != number:
        newest = titles[0] if titles else ""
        yield f"CHANGELOG.md does not begin with version {number}: its newest section is '{newest}'"
    if dated != sorted(dated, key=lambda each: [*map(int, each[0].split("."))], reverse=True):
        yield "CHANGELOG.md does not have its versions in order, newest first"


def _uncommitted() -> Iterator[str]:
    status = ["git", "-C", str(ROOT), "status", "--porcelain"]
    changed = subprocess.run(status, capture_output=True, text=True, check=True).stdout  # noqa: S603  # fixed words
    if changed:
        yield "these files are not committed:\n" + changed.rstrip()


def main() -> int:
    """Print what disagrees, and give 1; if nothing does, build the packages, and give 0."""
    found = [*disagreements(), *_uncommitted()]
    for sentence in found:
        sys.stderr.write(f"release: {sentence}\n")
    if found:
        return 1
    for recipe in recipes():
        for package in (ipk.pack(recipe, BUILD), apk.pack(recipe, BUILD)):
            sys.stdout.write(f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.relative_to(ROOT)}\n")
    sys.stdout.write(f"version {version()} is ready: git tag -a v{version()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
