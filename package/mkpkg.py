"""Write a package as `apk mkpkg` of apk-tools 3.0.6 does before compression (src/app_mkpkg.c), without signature.

The order in which values are written decides about their offsets, so it is the order of the original.
"""

import hashlib
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from package.entries import Entry

from package import adb

SCHEMA = b"pckg"
# The fields of a package's description and its scripts, in the order of the format (src/apk_adb.h).
FIELDS = (
    "name",
    "version",
    "hashes",
    "description",
    "arch",
    "license",
    "origin",
    "maintainer",
    "url",
    "repo-commit",
    "build-time",
    "installed-size",
    "file-size",
    "provider-priority",
    "depends",
    "provides",
)
SCRIPTS = (
    "trigger",
    "pre-install",
    "post-install",
    "pre-deinstall",
    "post-deinstall",
    "pre-upgrade",
    "post-upgrade",
)
IDENTITY_SIZE = 20  # the beginning of a SHA-256
EQUAL, ANY, CONFLICT = 1, 7, 16  # APK_VERSION_* and APK_DEPMASK_ANY (src/apk_version.h)
OWNER = "root"


@dataclass(frozen=True, slots=True, order=True)
class Dependency:
    """A package by name, in an exact `version` if it is given; `conflict`: it must not be installed."""

    name: str
    version: str = ""
    conflict: bool = False

    @property
    def match(self) -> int:
        return (EQUAL if self.version else ANY) | (CONFLICT if self.conflict else 0)


Info = Mapping[str, str | Sequence[Dependency]]
Folder = tuple[Entry, list[Entry]]


def written(info: Info, entries: Iterable[Entry], scripts: Mapping[str, str], time: int) -> bytes:
    """The bytes of a package. `info`: the values of option --info, by name. `scripts`: by their names in apk.

    `time`: of every file, in seconds since 1970.
    """
    writer = adb.Adb()
    values = {name: _field(writer, info[name]) for name in FIELDS if name in info}
    folders = _folders(entries)
    paths = [_folder(writer, folder, time) for folder in folders]
    size = sum(len(file.content) for _, files in folders for file in files)
    values["installed-size"] = writer.number(max(size, 1))
    values["hashes"] = identity = writer.room(IDENTITY_SIZE)
    described = writer.object([values.get(name, adb.NULL) for name in FIELDS])
    listed = writer.object(paths)
    root = writer.object([described, listed, writer.object([writer.text(scripts.get(name, "")) for name in SCRIPTS])])
    writer.fill(identity, hashlib.sha256(writer.finish(root)).digest()[:IDENTITY_SIZE])
    return adb.file(SCHEMA, writer.finish(root), _data(folders))


def _field(writer: adb.Adb, value: str | Sequence[Dependency]) -> adb.Value:
    if isinstance(value, str):
        return writer.text(value)
    found = {_dependency(writer, each): each for each in value}
    return writer.object(sorted(found, key=lambda each: found[each].name.encode()))


def _dependency(writer: adb.Adb, dependency: Dependency) -> adb.Value:
    match = adb.NULL if dependency.match in (EQUAL, ANY) else writer.number(dependency.match)
    return writer.object([writer.text(dependency.name), writer.text(dependency.version), match])


def _folders(entries: Iterable[Entry]) -> list[Folder]:
    """Every folder with its files, sorted by path; the path of the root is empty."""
    found: dict[str, Folder] = {"": (Entry.directory(""), [])}
    for entry in sorted(entries, key=lambda each: each.path.encode()):
        if entry.is_folder:
            found[entry.path] = entry, []
        else:
            found[entry.parent][1].append(entry)
    return [found[path] for path in sorted(found, key=str.encode)]


def _folder(writer: adb.Adb, folder: Folder, time: int) -> adb.Value:
    entry, entries = folder
    files = [_file(writer, file, time) for file in entries]
    fields = [writer.text(entry.path), _acl(writer, entry.mode)]
    return writer.object([*fields, writer.object(files)])


def _file(writer: adb.Adb, file: Entry, time: int) -> adb.Value:
    name = writer.text(file.name)
    digest = adb.NULL if file.target else writer.blob(hashlib.sha256(file.content).digest())
    target = writer.blob(struct.pack("<H", stat.S_IFLNK) + file.target.encode()) if file.target else adb.NULL
    changed, size = writer.number(time), writer.number(len(file.target.encode() or file.content))
    return writer.object([name, _acl(writer, file.mode), size, changed, digest, target])


def _acl(writer: adb.Adb, mode: int) -> adb.Value:
    return writer.object([writer.number(mode), writer.text(OWNER), writer.text(OWNER)])


def _data(folders: Sequence[Folder]) -> Iterator[bytes]:
    """A block for each file that is not empty: the numbers of folder and file, from 1, and its content."""
    for number, (_, files) in enumerate(folders, 1):
        for place, file in enumerate(files, 1):
            if file.content:
                yield struct.pack("<II", number, place) + file.content
