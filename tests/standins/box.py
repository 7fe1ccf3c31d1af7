"""A temporary config directory and save directory, for tests of uci."""

import os
from pathlib import Path
from typing import Any

import uci

# libuci reads the default save directory whatever the caller sets: a name of our own keeps other programs' changes out
PACKAGE = f"offload_standin_{os.getpid()}"
DEFAULT_SAVEDIR = Path("/tmp/.uci")  # noqa: S108  # libuci's place


class Box:
    """A config directory with one package, and a save directory."""

    def __init__(self, root: Path) -> None:
        self.confdir, self.savedir = root / "config", root / "save"
        self.confdir.mkdir()
        self.file, self.saved = self.confdir / PACKAGE, self.savedir / PACKAGE

    def write(self, content: str) -> None:
        self.file.write_bytes(content.encode())

    def uci(self) -> uci.Uci:
        return uci.Uci(confdir=str(self.confdir), savedir=str(self.savedir))

    def all(self) -> Any:
        return self.uci().get_all(PACKAGE)
