"""Find nft files of the firewall with rules that must see every packet and that the kernel does not have yet.

The files are read by a dry run of nft. The firewall loads them at its next start or reload.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from offload.compiler.offload.unloaded import NftFile, unloaded
from offload.config.choices.options import FALSE
from offload.config.fw4.sections.loader import Loader
from offload.errors import NftError, NftFault
from offload.model.kernel.live_rule import UnloadedFile
from offload.model.plan import Plan
from offload.model.sections.section import Section
from offload.nft.match import quoted
from offload.nft.text import path_text
from offload.nouns import replace
from offload.service.doors import Doors, RouterFiles
from offload.service.read_snapshot import OUR_FIREWALL, OUR_TABLES
from offload.service.reconcile import Decided

OF_USERS = "/etc/nftables.d/*.nft"
POSITIONS = {"pre": "prepend", "post": "append"}
NAME = re.compile(r"[A-Za-z_.][\w/.-]*", re.ASCII)  # of chains and variables
WILD = frozenset("*?[]{}~")  # characters by which nft would read other files than the one with this name
MOST_FILES = 64
NOT_REGULAR = "it is not a regular file, or it is too large"
ODD_NAME = "nft would read other files by its name, or by that of its chain"
TOO_MANY = f"only {MOST_FILES} files are read"
REFUSED = "nft refuses it, and would refuse the whole firewall: {error}"


class Included(NamedTuple):
    """An nft file that the firewall includes: its path, and where: `position` and chain (empty: none).

    `position`: `ruleset-`, `table-` or `chain-`, followed by `append` or `prepend`.
    """

    path: str
    position: str
    chain: str = ""

    def text(self) -> str:
        """The nft text that includes the file: in its chain of table inet fw4, or if `chain` is empty in that table.

        If `position` begins with `ruleset-`, the text has the `include` alone, outside of tables.
        """
        text = f"include {path_text(self.path)}\n"
        if self.position.startswith("ruleset"):
            return text
        inside = f"chain {self.chain} {{\n{text}}}\n" if self.chain else text
        return f"table inet fw4 {{\n{inside}}}\n"


def with_unloaded(decided: Decided, doors: Doors) -> Decided:
    """A copy of `decided` whose Snapshot has in `unloaded` the nft files with new rules that must see every packet.

    New: the kernel does not have the rule yet. `unloaded` also has, each with the cause, the files that cannot be read
    or that nft refuses, those after the first MOST_FILES (64), and all files if the kernel does not list its rules.
    `decided` itself if no firewall like fw4 is loaded, offload is switched off, /etc/config/firewall cannot be read, or
    `doors` has no files.
    """
    sections, loaded = doors.uci.read("firewall"), decided.snapshot.firewall in {"fw4", OUR_FIREWALL}
    if not (isinstance(sections, tuple) and loaded and decided.config.globals.enabled and doors.files):
        return decided
    included = list({each.path: each for each in _included(sections, doors.files)}.values())
    unread = {each: why for each in included if (why := _unreadable(each, doors.files))}
    unread |= dict.fromkeys(included[MOST_FILES:], TOO_MANY)
    files = _read([each for each in included if each not in unread], _variables(decided.plan), doors, unread)
    try:
        found = unloaded(doors.nft.ruleset(), files, OUR_TABLES) if files else ()
    except NftError as error:
        found, unread = (), unread | dict.fromkeys(included, str(error))
    faulty = (UnloadedFile(each.path, why=why) for each, why in unread.items())
    return replace(decided, snapshot=replace(decided.snapshot, unloaded=(*found, *faulty)))


def _included(sections: Sequence[Section], files: RouterFiles) -> Iterator[Included]:
    for path in files.matching(OF_USERS):
        yield Included(path, "table-append")
    for each in Loader().includes(sections):
        if each.type == "nftables" and files.readable(each.path):  # others the firewall leaves out
            yield Included(each.path, each.position, each.chain)
    if not any(each.type == "defaults" and each.options.get("auto_includes") in FALSE for each in sections):
        for place, chain, path in files.installed():
            part, _, end = place.partition("-")
            yield Included(path, f"{part}-{POSITIONS[end]}", chain)


def _unreadable(each: Included, files: RouterFiles) -> str:
    if WILD & set(path_text(each.path)) or (each.chain and not NAME.fullmatch(each.chain)):
        return ODD_NAME
    return NOT_REGULAR if files.text(each.path) is None else ""


def _variables(plan: Plan) -> str:
    # fw4 defines these for its files: `define ZONE_devices = { ... }`
    zones = {re.sub(r"^\d", r"_\g<0>", zone.name): zone.devices for zone in plan.zones if zone.devices}
    return "".join(
        f"define {name}_devices = {{ {', '.join(map(quoted, devices))} }}\n"
        for name, devices in zones.items()
        if NAME.fullmatch(name)
    )


def _read(included: Sequence[Included], variables: str, doors: Doors, unread: dict[Included, str]) -> list[NftFile]:
    # nft refuses all files for one that is bad: then both halves are tried, and the bad ones go to `unread`
    if not included or doors.dry_run is None:
        return []
    try:
        contents = doors.dry_run([each.text() for each in included], variables)
    except NftError as error:
        if len(included) > 1 and error.fault is not NftFault.SILENT:
            half = len(included) // 2
            parts: Iterable[Sequence[Included]] = (included[:half], included[half:])
            return [file for part in parts for file in _read(part, variables, doors, unread)]
        refused = error.fault in {NftFault.REFUSED, NftFault.KERNEL_REFUSED}
        unread |= {each: REFUSED.format(error=error) if refused else str(error) for each in included}
        return []
    return [NftFile(each.path, each.position, found) for each, found in zip(included, contents, strict=True)]
