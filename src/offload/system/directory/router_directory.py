"""A router as a directory (`--root DIR`): read as a Snapshot, and written from a running router.

`DIR/etc/config/*` are the UCI packages; `DIR/snapshot.json` is the router's state (system/directory/snapshot_json.py).
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from offload.errors import BusError, FileError
from offload.model.network import Snapshot
from offload.model.sections.section import Section
from offload.system.config.uci import CONFDIR, OVERRIDE
from offload.system.directory.snapshot_json import snapshot
from offload.system.files import empty_directory, regular_file

SNAPSHOT = "snapshot.json"
CONFIG = Path("etc/config")


class RouterDirectory:
    """A directory that stands for a router (`--root DIR`): reads its snapshot.json, or writes all of its files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def confdir(self) -> Path:
        """The directory of its UCI packages, `DIR/etc/config`."""
        return self.root / CONFIG

    def snapshot(self) -> Snapshot:
        """The Snapshot in snapshot.json; one with default values if there is no such file.

        FileError, whose sentence has the path, if the directory is missing, or the file cannot be read or is not valid.
        """
        path = self.root / SNAPSHOT
        try:
            if not self.root.is_dir():
                raise FileError(f"{self.root} is not a directory")
            found = json.loads(regular_file.read(path)[0])
            return snapshot(found)
        except FileNotFoundError:
            return Snapshot()
        except OSError as error:
            raise FileError(f"{path} cannot be read: {error.strerror}") from error
        except BusError as error:
            raise FileError(f"{path}: {error}") from error
        except (UnicodeDecodeError, RecursionError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileError(f"{path} is not a router's snapshot: {_plainly(error)}") from error

    def write(self, sections: Iterable[Section], snapshot: dict[str, Any]) -> None:
        """Write the sections as UCI files of their packages, and `snapshot` as snapshot.json, into the directory.

        The directory is made if missing. FileError as of `empty_directory.write`, with /etc/config and /var/run/uci as
        `never`: if the directory is not empty, or cannot be used, or a file cannot be written.
        """
        packages: dict[str, list[Section]] = {}
        for section in sections:
            packages.setdefault(section.package, []).append(section)
        files = {
            f"{CONFIG}/{package}": "\n".join(uci_text(section) for section in members).encode()
            for package, members in packages.items()
        }
        files[SNAPSHOT] = (json.dumps(snapshot, indent=1) + "\n").encode()
        empty_directory.write(self.root, files, (CONFDIR, OVERRIDE))


def uci_text(section: Section) -> str:
    """A section in UCI's text form, as in `uci export`, with a newline at the end.

    An anonymous section gets no name, and a list without values is left out.
    """
    name = "" if section.id.startswith("@") else f" '{section.name}'"
    lines = [f"config {section.type}{name}"]
    for option, value in section.options.items():
        word, values = ("option", (value,)) if isinstance(value, str) else ("list", value)
        lines += [f"\t{word} {option} {_quoted(each)}" for each in values]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("'", "'\\''")
    return f"'{escaped}'"


def _plainly(error: Exception) -> str:
    return f"key {error} is missing" if isinstance(error, KeyError) else str(error)
