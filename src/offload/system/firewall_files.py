"""Read what the firewall is compiled from, besides ubus: configuration, installed nft files, modules and devices.

All paths are given and returned as on the router; with a `root` they are looked up below it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from offload.errors import FileError
from offload.model.problems.problem import Problem
from offload.model.sections.section import Section
from offload.system.config.uci import Uci
from offload.system.config.uci_text import parse
from offload.system.files import regular_file
from offload.system.netlink.wire import device_name

HELPERS = "usr/share/firewall4/helpers"
INSTALLED = "usr/share/nftables.d"
SNAPSHOT = "snapshot.json"
CONFIGURATION = ("firewall", "network")
STACKED = frozenset({"bridge", "vlan"})  # kinds of devices that hardware offload looks through, as in fw4
PLACES = ("ruleset-pre", "ruleset-post", "table-pre", "table-post", "chain-pre", "chain-post")


class FirewallFiles:
    """The files of this router that a firewall is compiled from; with a `root`, those of a router in that directory."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def sections(self, package: str) -> tuple[Section, ...]:
        """The committed sections of a UCI package, as `Uci` reads it, in the order of the file.

        FileError, with a sentence, if it is missing, cannot be read or is not valid UCI. Bytes of a value that are not
        UTF-8 become U+FFFD.
        """
        read = Uci(self._root / "etc/config").read(package)
        if isinstance(read, Problem):
            raise FileError(str(read))
        return read

    def text(self, path: str) -> str | None:
        """The text of the regular file with this path; None if it is missing, cannot be read or is larger than 16 MB.

        Bytes that are not UTF-8 become replacement characters (U+FFFD).
        """
        try:
            return regular_file.read(self._under(path))[0].decode(errors="replace")
        except OSError:
            return None

    def helpers(self) -> tuple[Section, ...] | None:
        """The sections of firewall4's list of conntrack helpers, /usr/share/firewall4/helpers.

        None if the file cannot be read, or `uci_text.parse` returns None for it.
        """
        text = self.text(HELPERS)
        return None if text is None else parse("helpers", text)

    def readable(self, path: str) -> bool:
        """Whether there is a regular file with this path on the router, and this user can read it."""
        return os.access(self._under(path), os.R_OK) and self._under(path).is_file()

    def modules(self) -> frozenset[str]:
        """The names in /sys/module: all loaded kernel modules, and some that are built in; empty if it is missing."""
        return frozenset(_names(self._root / "sys/module"))

    def devices(self, kinds: Mapping[str, str] | None = None) -> dict[str, tuple[str, ...]]:
        """Map each network device to the tuple of those directly below it: ports of a bridge, parent of a VLAN.

        For other kinds of devices this is `()`. `kinds`: netifd's kind by device, such as `bridge`; for a device that
        is not in it (None: for all) the kernel's DEVTYPE counts. Names are as `wire.device_name` gives them. The dict
        is empty without /sys/class/net.
        """
        net, found = self._root / "sys/class/net", dict[str, tuple[str, ...]]()
        for name in _names(net):
            if not (net / name).is_dir():
                continue  # the file bonding_masters
            kind = (kinds or {}).get(device_name(name)) or _devtype(net / name / "uevent")
            lower = [each.removeprefix("lower_") for each in _names(net / name) if each.startswith("lower_")]
            found[device_name(name)] = tuple(map(device_name, lower)) if kind in STACKED else ()
        return found

    def installed(self) -> tuple[tuple[str, str, str], ...]:
        """The files *.nft that packages have in /usr/share/nftables.d, as (position, chain, path); `()` if none.

        The position is the folder: `ruleset-pre`, `table-post`, `chain-pre` and so on. In `chain-pre` and `chain-post`
        each folder is a chain; for other positions the chain is empty. Files of one position and chain are in the order
        of their names, as fw4 includes them.
        """
        found = []
        for place in PLACES:
            base = self._root / INSTALLED / place
            chains = _names(base) if place.startswith("chain") else [""]
            for chain in chains:
                files = [name for name in _names(base / chain) if name.endswith(".nft")]
                found += [
                    (place, chain, "/" + "/".join(filter(None, (INSTALLED, place, chain, name)))) for name in files
                ]
        return tuple(found)

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The paths that the path or pattern of an nft `include` statement matches, sorted as nft sorts them.

        Wildcards count only in the last part of the path, and match no directories and no hidden files. `()` if nothing
        matches.
        """
        directory, _, name = pattern.rpartition("/")
        names = (each for each in _names(self._under(directory)) if fnmatchcase(each, name))
        paths = (f"{directory}/{each}" for each in names if each == name or not each.startswith("."))
        return tuple(path for path in paths if path == pattern or not _is_directory(self._under(path)))

    def configuration(self) -> str:
        """One SHA-256 of /etc/config/firewall followed by /etc/config/network, in hexadecimal digits.

        A file that cannot be read, or is not a regular one of at most 16 MB, counts as empty.
        """
        from hashlib import sha256  # loads OpenSSL, which only the service needs

        digest = sha256()
        for name in CONFIGURATION:
            with suppress(OSError):
                digest.update(regular_file.read(self._under(f"etc/config/{name}"))[0])
        return digest.hexdigest()

    def snapshot(self) -> dict[str, Any]:
        """The JSON object in snapshot.json of a router directory (`--root`); empty if there is no such file.

        FileError if the directory does not exist, the file cannot be read or is no JSON object, `ubus` is no object, or
        `kernel`, `links` or `includes` has another form than compiling needs; other values are not checked.
        """
        path = self._root / SNAPSHOT
        try:
            if not self._root.is_dir():
                raise FileError(f"{self._root} is not a directory")
            found = json.loads(regular_file.read(path)[0])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise FileError(f"{path} is not a router's snapshot: {error}") from error
        wrong = next(_faults(found), "")
        if wrong:
            raise FileError(f"{path} is not a router's snapshot: {wrong}")
        return dict(found)

    def _under(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def _names(directory: Path) -> list[str]:
    try:
        return sorted(each.name for each in directory.iterdir())
    except OSError:
        return []


def _is_directory(path: Path) -> bool:
    # False also if this user may list the path's folder but not enter it
    try:
        return path.is_dir()
    except OSError:
        return False


def _devtype(uevent: Path) -> str:
    # empty for Ethernet and other devices without one
    try:
        lines = uevent.read_text(errors="replace").split("\n")  # names of devices may have what ends other lines
    except OSError:
        return ""
    return next((line.removeprefix("DEVTYPE=") for line in lines if line.startswith("DEVTYPE=")), "")


def _faults(found: Any) -> Iterator[str]:
    if not isinstance(found, dict):
        yield "it is not an object"
        return
    for key in ("ubus", "kernel", "includes"):
        if not isinstance(found.get(key, {}), dict):
            yield f"'{key}' is not an object"
    links = found.get("links", [])
    if not isinstance(links, list) or not all(isinstance(each, dict) and _is_link(each) for each in links):
        yield "'links' is not a list of devices with names"
    if not _words(found.get("kernel", {}).get("modules", [])):
        yield "'modules' is not a list of names"
    if not all(_words(paths) for paths in found.get("includes", {}).values()):
        yield "'includes' is not a list of paths for each place"
    for place in found.get("includes", {}):
        if place.partition("/")[0] not in PLACES:
            yield f"'{place}' is no place for includes"


def _is_link(each: dict[str, Any]) -> bool:
    words = (each.get("name"), each.get("master") or "", each.get("kind") or "")
    return all(isinstance(word, str) for word in words) and _words(each.get("lower") or [])


def _words(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


class FakeFirewallFiles:
    """FirewallFiles without files, for tests, with most of the same methods, which return the values that a test sets.

    `texts`: the text of each file by path. `present`: by device, those directly below it. `loaded`: kernel modules.
    `packages`: (position, chain, path) of nft files of packages. `hash`: the value of `configuration`.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.present: dict[str, tuple[str, ...]] = {}
        self.loaded: frozenset[str] = frozenset()
        self.packages: tuple[tuple[str, str, str], ...] = ()
        self.hash = "0"

    def text(self, path: str) -> str | None:
        """The text of a file in `texts`; None if it is not there."""
        return self.texts.get(path)

    def helpers(self) -> None:
        """None, as without firewall4: the compiler then uses its own list (config/fw4/helpers.py)."""

    def readable(self, path: str) -> bool:
        """Whether `texts` has this path."""
        return path in self.texts

    def modules(self) -> frozenset[str]:
        """The kernel modules in `loaded`."""
        return self.loaded

    def devices(self) -> dict[str, tuple[str, ...]]:
        """The value of `present`: by device, those directly below it, such as the ports of a bridge."""
        return self.present

    def installed(self) -> tuple[tuple[str, str, str], ...]:
        """The (position, chain, path) of each file in `packages`."""
        return self.packages

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The paths in `texts` that the pattern matches, sorted; wildcards also match `/`."""
        return tuple(sorted(path for path in self.texts if fnmatchcase(path, pattern)))

    def configuration(self) -> str:
        """The value of `hash`."""
        return self.hash
