"""What rpcd does for a logged-in browser: rights from acl.d, UCI with changes that wait for their apply, and rollback.

The rights are read from the app's own acl.d file, so what it forgets to list is denied here as on a router.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uci

from offload.model.config import UNNAMED

Json = dict[str, Any]
# What luci-base's own file grants to everybody who may see, and to everybody who may change, anything.
EVERYBODY = {
    "read": {"ubus": {"uci": ["changes", "get"]}, "uci": ["luci"]},
    "write": {"ubus": {"uci": ["add", "apply", "confirm", "delete", "order", "set"]}},
}
INVALID, NOT_FOUND, DENIED = 2, 4, 6  # UBUS_STATUS_*


class StatusError(Exception):
    """A ubus status other than 0."""


@dataclass
class Session:
    """A login: which groups it has, and the changes it has saved and not applied."""

    name: str
    groups: tuple[str, ...]
    savedir: Path
    changes: dict[str, list[list[str]]] = field(default_factory=dict)

    def note(self, package: str, *change: str) -> None:
        """Add a change to those that wait."""
        self.changes.setdefault(package, []).append(list(change))


class Rpcd:
    """The objects `session` and `uci` on a router whose configuration lies in `confdir`."""

    def __init__(self, confdir: Path, work: Path, acl: Path, pid: Path) -> None:
        self._confdir, self._work, self._pid = confdir, work, pid
        granted = [json.loads(file.read_text()) for file in sorted(acl.glob("*.json"))]
        self._roles: list[Json] = [EVERYBODY, *(role for file in granted for role in file.values())]
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def login(self, name: str, *, readonly: bool) -> Session:
        """A new session: root's, or one that may only look."""
        savedir = self._work / f"save-{name}"
        shutil.rmtree(savedir, ignore_errors=True)
        return Session(name, ("read",) if readonly else ("read", "write"), savedir)

    def may(self, session: Session, scope: str, thing: str, function: str) -> bool:
        """Whether a role grants it: ubus object and method, or UCI package and read or write."""
        for role in self._roles:
            for group in session.groups:
                granted = role.get(group, {}).get(scope, {})
                if scope == "uci" and thing in granted and function == group:
                    return True
                if scope in {"ubus", "file"} and function in granted.get(thing, []):
                    return True
        return False

    def call(self, session: Session, thing: str, method: str, words: Json) -> Json:
        """A method of `session` or `uci`; StatusError."""
        if (thing, method) == ("session", "access"):
            return {"access": self.may(session, words["scope"], words["object"], words["function"])}
        if (thing, method) == ("file", "exec"):
            return self.execute(session, words)
        package = words.get("config")
        function = "read" if method in {"get", "changes"} else "write"
        if package is not None and not self.may(session, "uci", package, function):
            raise StatusError(DENIED)
        with self._lock:
            return UCI[method](self, session, words)

    def execute(self, session: Session, words: Json) -> Json:
        """Run what the login may run, with these very arguments: the program of that name in the work directory."""
        line = " ".join([words["command"], *(words.get("params") or [])])
        if not self.may(session, "file", line, "exec"):
            raise StatusError(DENIED)
        program = self._work / Path(words["command"]).name
        if not program.exists():
            raise StatusError(NOT_FOUND)
        done = subprocess.run([program, *(words.get("params") or [])], capture_output=True, text=True, check=False)
        return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    def context(self, session: Session) -> Any:
        """UCI as this session sees it."""
        session.savedir.mkdir(parents=True, exist_ok=True)
        return uci.Uci(confdir=str(self._confdir), savedir=str(session.savedir))

    def get(self, session: Session, words: Json) -> Json:
        """All sections of a package."""
        context, package = self.context(session), words["config"]
        try:
            found = context.get_all(package)
        except uci.UciException:
            raise StatusError(NOT_FOUND) from None
        values = {
            name: {
                ".anonymous": UNNAMED.fullmatch(name) is not None,
                ".type": context.get(package, name),
                ".name": name,
                ".index": index,
                **{option: list(each) if isinstance(each, tuple) else each for option, each in options.items()},
            }
            for index, (name, options) in enumerate(found.items())
        }
        return {"values": values}

    def changes(self, session: Session, _words: Json) -> Json:
        """What waits for its apply, by package."""
        return {"changes": session.changes}

    def add(self, session: Session, words: Json) -> Json:
        """Add a section, with a name or without, and its values."""
        context, package, kind = self.context(session), words["config"], words["type"]
        if name := words.get("name"):
            context.set(package, name, kind)
            context.save(package)
            session.note(package, "set", name, kind)
        else:
            name = context.add(package, kind)
            session.note(package, "add", name, kind)
        self.set(session, {"config": package, "section": name, "values": words.get("values") or {}})
        return {"section": name}

    def set(self, session: Session, words: Json) -> Json:
        """Change options of a section; a value that is there already is no change."""
        context, package, section = self.context(session), words["config"], words["section"]
        present = _options(context, package, section)
        if [] in words["values"].values():
            raise StatusError(INVALID)
        for option, value in words["values"].items():
            new = tuple(map(_text, value)) if isinstance(value, list) else _text(value)
            before = present.get(option, "")
            if new == before and isinstance(new, str):
                continue
            if before and (not new or not isinstance(new, str) or not isinstance(before, str)):
                session.note(package, "remove", section, option)
            context.set(package, section, option, new)
            if new:
                verb, values = ("set", (new,)) if isinstance(new, str) else ("list-add", new)
                for each in values:
                    session.note(package, verb, section, option, each)
        context.save(package)
        return {}

    def delete(self, session: Session, words: Json) -> Json:
        """Delete a section, or options of it: `option` or `options`, all of which must be there."""
        context, package, section = self.context(session), words["config"], words["section"]
        present = _options(context, package, section)
        options = words.get("options") or [option for option in (words.get("option"),) if option is not None]
        if not present.keys() >= set(options):
            raise StatusError(NOT_FOUND)
        for path in [[section, option] for option in options] or [[section]]:
            context.delete(package, *path)
            session.note(package, "remove", *path)
        context.save(package)
        return {}

    def apply(self, session: Session, *, rollback: float | None) -> bool:
        """Commit what waits; without a confirm within `rollback` seconds the old files return. False: nothing waits."""
        with self._lock:
            if not session.changes:
                return False
            kept = self._work / "rollback"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self._confdir, kept)
            for package in session.changes:
                self.context(session).commit(package)
            session.changes = {}
        if rollback is not None:
            self._timer = threading.Timer(rollback, self._return, [kept])
            self._timer.start()
        self._tell()
        return True

    def confirm(self) -> None:
        """Keep what was applied."""
        if self._timer:
            self._timer.cancel()

    def _return(self, kept: Path) -> None:
        shutil.copytree(kept, self._confdir, dirs_exist_ok=True)
        self._tell()

    def _tell(self) -> None:
        """As procd with the init script's reload trigger: HUP to the service, where one runs."""
        if self._pid.exists():
            os.kill(int(self._pid.read_text()), signal.SIGHUP)


def _options(context: Any, package: str, section: str) -> Json:
    # of a section that must be there
    try:
        found: Json = context.get_all(package, section)
    except uci.UciException:
        raise StatusError(NOT_FOUND) from None
    return found


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


UCI: Mapping[str, Callable[[Rpcd, Session, Json], Json]] = {
    "get": Rpcd.get,
    "changes": Rpcd.changes,
    "add": Rpcd.add,
    "set": Rpcd.set,
    "delete": Rpcd.delete,
}
