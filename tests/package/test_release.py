"""`make release`: what it refuses, and what it accepts."""

import shutil
from pathlib import Path

import pytest

from offload import __version__
from package import recipes, release
from package.router import REPOSITORY

MORE = "## Unreleased\n\n- More.\n\n## 0"
READY = f"# Changelog\n\n## {__version__} (2026-12-01)\n\n- All of it.\n\n## 0.0.1 (2026-11-01)\n\n- Some.\n"


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A repository that is ready."""
    for name in ("README.md", "src/offload/__init__.py", "tests/kernel/topologies.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    for name in ("docs", "package", "luci-app-offload"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("CONTRIBUTING.md", "SECURITY.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(READY)
    return tmp_path


def test_it_is_ready(root: Path) -> None:
    assert list(release.disagreements(root)) == []


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "CHANGELOG.md",
            READY.replace("## 0", MORE, 1),
            "still has a section 'Unreleased'",
        ),
        ("CHANGELOG.md", READY.replace(__version__, "9.9.9"), "does not begin with version"),
        ("CHANGELOG.md", READY.replace("0.0.1", "99.0.0"), "newest first"),
        ("CHANGELOG.md", "# Changelog\n", "newest section is ''"),
        ("README.md", "apk add /tmp/luci-app-offload-9.9.9-r1.apk\n", "names a package of version 9.9.9"),
        ("docs/faq.md", "[more](nowhere.html#there)\n", "links nowhere.html, which does not exist"),
        ("src/offload/__init__.py", '__version__ = "9.9.9"\n', "has version"),
    ],
)
def test_what_disagrees_is_a_sentence(root: Path, name: str, text: str, sentence: str) -> None:
    (root / name).write_text(text)
    assert sentence in "\n".join(release.disagreements(root))


def test_the_version_stands_once() -> None:
    assert {each.version.partition("-r")[0] for each in recipes.recipes()} == {__version__} == {release.version()}
    for name in ("pyproject.toml", "README.md", "package/offload/Makefile", "luci-app-offload/Makefile"):
        assert __version__ not in (REPOSITORY / name).read_text()
