"""The command `offload`: its doors, its command line, and what it prints.

Doors are opened here and handed in. Each verb answers with one value, which is printed as text for people or as JSON.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offload import __version__
from offload.cli.answer import Answer, Exit
from offload.cli.local import VERBS
from offload.errors import AbsentError, FileError, OffloadError
from offload.model.flow import Entry
from offload.model.network import Kernel, Snapshot
from offload.service import reconcile
from offload.service.hardware_probe import HardwareProbe
from offload.service.read_snapshot import netifd_says, observe, with_routes
from offload.service.reconcile import Decided
from offload.status.query import QueryError
from offload.system.netlink.conntrack import Conntrack
from offload.system.netlink.links import Netlink, conntrack_max, modules, release
from offload.system.nft.door import Nft
from offload.system.nft.probe import probe
from offload.system.router_directory import RouterDirectory
from offload.system.ubus.client import UbusClient
from offload.system.uci import Uci

PATIENCE = 30.0  # seconds for the service, which may wait for nft


class Router:
    """The router a verb works on: the running one, or a directory given with --root."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self.nft = Nft()
        self.uci = Uci() if root is None else Uci(RouterDirectory(root).confdir)

    def snapshot(self) -> tuple[Snapshot, dict[str, Any]]:
        """What the router has, and netifd's dump as it came (empty for a directory)."""
        if self.root is not None:
            return RouterDirectory(self.root).snapshot(), {}
        dump, netlink = netifd_says(UbusClient()), Netlink()
        seen = observe(dump, netlink, self.nft, self.kernel())
        snapshot = HardwareProbe().look(seen, reconcile.read(self.uci), netlink, self.nft)
        return with_routes(snapshot, netlink), dump

    def kernel(self) -> Kernel:
        """What the running kernel can do."""
        return probe(self.nft, release(), modules(), conntrack_max())

    def decide(self, *, held: bool = False) -> Decided:
        """Read everything and decide; the kernel is not touched. `held`: with the run-time exempts it holds."""
        snapshot, _ = self.snapshot()
        asked = held and self.root is None and snapshot.kernel.nft
        timed_exempts = reconcile.adopted(self.nft) if asked else ()
        return reconcile.decide(reconcile.read(self.uci), snapshot, timed_exempts)

    def entries(self) -> list[Entry]:
        """The kernel's connections."""
        return Conntrack().entries()

    def asked(self, method: str, words: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """What the service answers; None where none runs, or a directory was given."""
        if self.root is not None:
            return None
        try:
            return UbusClient(PATIENCE).call("offload", method, words)
        except AbsentError:
            return None

    def ask(self, method: str, words: Mapping[str, Any]) -> dict[str, Any]:
        """What the service answers; where none runs, what it would answer, and do, for once."""
        self.live("this")
        return self.asked(method, words) or self._alone(method, words)

    def _alone(self, method: str, words: Mapping[str, Any]) -> dict[str, Any]:
        from offload.service import main
        from offload.service.engine import Service
        from offload.service.ubus_object import METHODS, answer

        service = Service(main.doors(), resident=False)
        service.look()
        return answer(service, METHODS[method], words)

    def serve(self) -> None:
        """Be the service."""
        from offload.service.main import serve

        serve()

    def live(self, verb: str) -> None:
        """Refuse what needs a running router, where a directory was given."""
        if self.root is not None:
            raise FileError(f"{verb} needs the running router, and --root names a directory")


def parser() -> argparse.ArgumentParser:
    """The command line, made from the table of verbs."""
    top = argparse.ArgumentParser(
        prog="offload",
        description="Flow offload per zone, and why not.",
        epilog="offload firewall --help tells about the whole firewall.",
    )
    top.add_argument("--version", action="version", version=f"offload {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        sentence = (verb.run.__doc__ or "").splitlines()[0]
        sub = verbs.add_parser(name, help=sentence, description=sentence)
        sub.add_argument("--json", action="store_true", help="answer in JSON")
        sub.add_argument("--root", type=Path, metavar="DIR", help="a router as a directory instead of this one")
        for flag, words in verb.arguments:
            sub.add_argument(flag, **words)
    return top


def main(argv: list[str]) -> int:
    """Run one verb; every refusal is one sentence on stderr (or in JSON) and an exit code."""
    given = parser().parse_args(argv)
    try:
        answer = VERBS[given.verb].run(Router(given.root), given)
    except OffloadError as refusal:
        sentence = str(refusal)
        code = Exit.USAGE if isinstance(refusal, QueryError) else Exit.FAILED
        answer = Answer("", {"ok": False, "error": sentence}, code, (sentence,))
    if given.json:
        print(json.dumps(answer.data, indent=1))
    elif answer.text:
        print(answer.text)
    for note in () if given.json else answer.notes:
        print(f"offload: {note}", file=sys.stderr)
    return answer.code
