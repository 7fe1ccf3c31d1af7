"""Serves the app's pages to a browser: `python -m luci.server PORT CONFDIR WORKDIR UBUS_SOCKET [SECONDS]`.

Menu and rights come from the app's own files. `luci.offload` is called on the bus, as uhttpd does: with the session
added to the arguments. `?user=reader` logs in a user who may only read; an apply sends HUP to the process in
WORKDIR/service.pid.
SECONDS is how long an apply waits for its confirm before it is rolled back.
"""

import html
import json
import os
import secrets
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import ubus

from luci.rpcd import Json, Rpcd, Session, StatusError

HERE = Path(__file__).parent
APP = HERE.parents[2] / "luci-app-offload"
SEARCH = (APP / "htdocs/luci-static/resources", HERE / "resources")
TYPES = {".js": "text/javascript", ".css": "text/css"}
NO_OBJECT = {"code": -32000, "message": "Object not found"}
NO_RIGHT = {"code": -32002, "message": "Access denied"}
LONGEST_CALL = 20_000  # milliseconds
PAGE = (HERE / "page.html").read_text()
# How long a page waits around an apply, in seconds; on a router 4, 90 and 1.5.
APPLY = {"apply_holdoff": 0.2, "apply_rollback": 4, "apply_display": 0.3}


class Bus:
    """The bus, for one call at a time; a lost connection is tried again with the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def alive(self) -> bool:
        """Whether there is a bus at all."""
        with self._lock, suppress(OSError, RuntimeError):
            if not ubus.get_connected():
                ubus.connect()
            ubus.objects("missing")
            return True
        return False

    def call(self, thing: str, method: str, words: Json) -> Json:
        """{"result": [status, data]}, or {"error"}."""
        with self._lock:
            try:
                if not ubus.get_connected():
                    ubus.connect()
                if thing not in ubus.objects(thing):
                    return {"error": NO_OBJECT}
                return {"result": [0, *ubus.call(thing, method, words, LONGEST_CALL)]}
            except (OSError, RuntimeError):
                with suppress(OSError, RuntimeError):
                    ubus.disconnect(False)
                return {"error": NO_OBJECT}


class Site:
    """All that a request needs to know."""

    def __init__(self, confdir: Path, work: Path) -> None:
        self.rpcd = Rpcd(confdir, work, APP / "root/usr/share/rpcd/acl.d", work / "service.pid")
        self.bus = Bus()
        self.sessions: dict[str, Session] = {}
        self.menu: dict[str, Json] = {}
        for file in sorted((APP / "root/usr/share/luci/menu.d").glob("*.json")):
            self.menu |= json.loads(file.read_text())

    def login(self, user: str) -> str:
        """A new session's number."""
        number = secrets.token_hex(16)
        self.sessions[number] = self.rpcd.login(user, readonly=user != "root")
        return number

    def page(self, node: str, number: str, theme: str) -> str:
        """The page of a node of the menu, which has a view."""
        session = self.sessions[number]
        env = {
            "sessionid": number,
            "nodespec": {"satisfied": True, "readonly": "write" not in session.groups},
            **APPLY,
        }
        parent = node.rpartition("/")[0]
        tabs = "".join(
            f'<li class="tabmenu-item-{path.rpartition("/")[2]}{" active" if path == node else ""}">'
            f'<a href="/cgi-bin/luci/{path}">{html.escape(entry["title"])}</a></li>'
            for path, entry in sorted(self.menu.items(), key=lambda each: each[1]["order"])
            if path.rpartition("/")[0] == parent
        )
        words = {
            "ENV": json.dumps(env),
            "TABS": tabs,
            "THEME": str(theme == "dark").lower(),
            "VIEW": self.menu[node]["action"]["path"],
        }
        text = PAGE
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
        return text

    def rpc(self, message: Json) -> Json:
        """The reply to one JSON-RPC call."""
        number, thing, method, words = message["params"]
        session, head = self.sessions.get(number), {"jsonrpc": "2.0", "id": message["id"]}
        if not self.bus.alive():
            return head | {"error": NO_OBJECT}
        if session is None or ((thing, method) != ("session", "access") and not self._may(session, thing, method)):
            return head | {"error": NO_RIGHT}
        if thing not in {"session", "uci", "file"}:
            return head | self.bus.call(thing, method, {**words, "ubus_rpc_session": number})
        try:
            return head | {"result": [0, self.rpcd.call(session, thing, method, words)]}
        except StatusError as status:
            return head | {"result": [status.args[0]]}

    def _may(self, session: Session, thing: str, method: str) -> bool:
        return self.rpcd.may(session, "ubus", thing, method)


class Request(BaseHTTPRequestHandler):
    """One request; the answers are small and never cached."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.startswith("/luci-static/resources/"):
            self._file(url.path.removeprefix("/luci-static/resources/"))
            return
        node, query = url.path.removeprefix("/cgi-bin/luci/"), parse_qs(url.query)
        if "view" not in self.site.menu.get(node, {}).get("action", {}).get("type", ""):
            self._say(404, b"")
            return
        user = query.get("user", [""])[0]
        number = self.site.login(user) if user else self._session() or self.site.login("root")
        page = self.site.page(node, number, query.get("theme", ["light"])[0])
        self._say(200, page.encode(), "text/html; charset=utf-8", f"sysauth={number}; path=/")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path.removeprefix("/cgi-bin/luci/admin/")
        if path == "ubus":
            replies = [self.site.rpc(message) for message in json.loads(body)]
            self._say(200, json.dumps(replies).encode(), "application/json")
            return
        session = self.site.sessions.get(self._session() or "")
        if session is None or not self.site.rpcd.may(session, "ubus", "uci", "apply"):
            self._say(403, b"")
        elif path in {"uci/apply_rollback", "uci/apply_unchecked"}:
            checked = path.endswith("rollback")
            some = self.site.rpcd.apply(session, rollback=APPLY["apply_rollback"] if checked else None)
            self._say(200 if some and checked else 204, b"")
        elif path == "uci/confirm":
            self.site.rpcd.confirm()
            self._say(204, b"")
        else:
            self._say(404, b"")

    def _session(self) -> str | None:
        found = SimpleCookie(self.headers.get("Cookie", "")).get("sysauth")
        return found.value if found and found.value in self.site.sessions else None

    def _file(self, name: str) -> None:
        for folder in SEARCH:
            file = (folder / name).resolve()
            if file.is_file() and file.is_relative_to(folder):
                self._say(200, file.read_bytes(), TYPES[file.suffix])
                return
        self._say(404, b"")

    def _say(self, code: int, body: bytes, kind: str = "text/plain", cookie: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Drop the access log."""


def main(port: str, confdir: str, work: str, socket: str, rollback: str = "") -> None:
    """Serve until killed; the first line says on which port."""
    serve(port, confdir, work, socket, lambda number: print(number, flush=True), rollback)


def serve(port: str, confdir: str, work: str, socket: str, ready: Callable[[int], object], rollback: str = "") -> None:
    """Serve until killed; `ready` is called with the port."""
    APPLY["apply_rollback"] = float(rollback or APPLY["apply_rollback"])
    os.environ["OFFLOAD_UBUS_SOCKET"] = socket
    Request.site = Site(Path(confdir), Path(work))
    server = ThreadingHTTPServer(("0.0.0.0" if port != "0" else "127.0.0.1", int(port)), Request)  # noqa: S104
    ready(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
