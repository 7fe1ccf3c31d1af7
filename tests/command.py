"""Run the command in this process, and record its output and exit code."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Ran:
    """The exit code, and what was printed for people and programs."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """The answer in JSON."""
        found: dict[str, Any] = json.loads(self.out)
        return found


Offload = Callable[..., Ran]


def edit(root: Path, package: str, old: str, new: str) -> None:
    """Replace a text, once, in a configuration file of a router directory."""
    file = root / "etc/config" / package
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
