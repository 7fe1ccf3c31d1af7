"""The router that a verb works on, and its doors: the objects that reach nft, ubus, netlink and files.

A door is imported when it is needed: a verb that the service answers needs only ubus, and starts several times as fast.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from offload.errors import AbsentError, FileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from offload.cli.answer import Written
    from offload.model.network import Kernel, Snapshot
    from offload.service.alone import Alone
    from offload.service.doors import Doors
    from offload.service.reconcile import Decided
    from offload.system.config.uci import Uci
    from offload.system.nft.door import Nft

ANSWER_TIMEOUT = 30.0  # seconds for a reply of the service, which may itself wait for nft


class Router:
    """The running router, or with a `root` the one in that directory (--root)."""

    def __init__(self, root: "Path | None") -> None:
        self.root = root

    @cached_property
    def nft(self) -> "Nft":
        """The program nft of this machine: with a `root` too, since a directory has no kernel."""
        from offload.system.nft.door import Nft

        return Nft()

    @cached_property
    def uci(self) -> "Uci":
        """The configuration files of the router, or of the directory."""
        from offload.system.config.uci import Uci
        from offload.system.directory.router_directory import RouterDirectory

        return Uci() if self.root is None else Uci(RouterDirectory(self.root).confdir)

    def snapshot(self) -> "tuple[Snapshot, dict[str, Any]]":
        """Read the router's state: (Snapshot, with routes; netifd's reply of `network.interface dump`).

        It probes kernel and hardware too. For a directory the Snapshot is the stored one, and the reply {}.
        OffloadError if the router or the directory cannot be read.
        """
        if self.root is not None:
            from offload.system.directory.router_directory import RouterDirectory

            return RouterDirectory(self.root).snapshot(), {}
        from offload.service import reconcile
        from offload.service.hardware.hardware_probe import HardwareProbe
        from offload.service.read_snapshot import netifd_says, observe, with_routes
        from offload.system.netlink.route.links import Netlink
        from offload.system.ubus.client import UbusClient

        dump, netlink = netifd_says(UbusClient()), Netlink()
        seen = observe(dump, netlink, self.nft, self.kernel())
        snapshot = HardwareProbe().probe(seen, reconcile.read(self.uci), netlink, self.nft)
        return with_routes(snapshot, netlink), dump

    def kernel(self) -> "Kernel":
        """The features of this machine's kernel and nft, probed now, also with a `root`; never an error."""
        from offload.system.kernel import conntrack_max, modules, release
        from offload.system.nft.probe import probe

        return probe(self.nft, release(), modules(), conntrack_max())

    def decide(self, *, held: bool = False) -> "Decided":
        """Read configuration and router, and decide modes and tables, without changing the kernel.

        OffloadError if the router's state cannot be read; configuration files that cannot be read are Problems of the
        result. `held`: timed exempts in the kernel's tables are kept. Without it, and for a directory, there are none.
        """
        from offload.service import reconcile

        snapshot, _ = self.snapshot()
        asked = held and self.root is None and snapshot.kernel.nft
        timed_exempts = reconcile.adopted(self.nft) if asked else ()
        return reconcile.decide(reconcile.read(self.uci), snapshot, timed_exempts)

    def transactions(self, decided: "Decided") -> list[str]:
        """The nft texts, one for each transaction, that would bring the kernel to the tables of `decided`.

        Nothing is sent. Empty: the kernel has them already, or has no flowtables. For a directory it is one text, which
        creates all. OffloadError if the tables in the kernel cannot be listed.
        """
        from offload.compiler.offload.tables.render import render
        from offload.service import reconcile
        from offload.system.netlink.ct.conntrack import Conntrack
        from offload.system.netlink.route.links import Netlink

        if self.root is not None:
            return [render(decided.plan)]
        busy = reconcile.asking(decided, Conntrack(), Netlink())
        return [each.text for each in reconcile.pending(decided, self.nft, busy=busy)]

    def service_reply(self, method: str, words: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """The service's reply to a method of ubus object `offload`, for which it waits up to 30 s.

        None: no service or ubusd runs, or this is a directory. `words`: arguments of the method; None: it has none.
        BusError if no reply comes, or the call fails otherwise.
        """
        if self.root is not None:
            return None
        from offload.system.ubus.client import UbusClient

        try:
            return UbusClient(ANSWER_TIMEOUT).call("offload", method, words)
        except AbsentError:
            return None

    def live_reply(self, method: str, words: Mapping[str, Any]) -> dict[str, Any]:
        """As `reply`, for verbs that need the running router: FileError if the router is a directory (--root)."""
        self.require_running("this")
        return self.reply(method, words)

    def reply(self, method: str, words: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The reply to a method of ubus object `offload`: by the service, or by this process if there is none.

        A directory has no service. `words`: the method's arguments; None: none. UsageError if one of them is not valid,
        whoever replies. Another failure of the method is a reply with the key `error`; but BusError if a service runs
        and the call itself fails, and FileError if the directory cannot be read.
        """
        reply = self.service_reply(method, words) or self._alone.answer(method, words or {})
        if reply.get("usage"):
            raise UsageError(reply["error"])
        return reply

    def can_list_flows(self) -> bool:
        """Whether this process can list flows as the service does, in a sixth of the time (`every_flow`).

        False if a pair of zones is in hardware, because only the service has followed its flows; for other users than
        root, to whom the kernel lists nothing; and for a directory. Else the service says which modes the pairs have;
        if none runs, the result is True. BusError if the call of the service fails.
        """
        from os import geteuid

        if self.root is not None or geteuid():
            return False
        pairs = (self.service_reply("zones") or {}).get("pairs", ())
        return all(pair["effective"] != "hardware" for pair in pairs)

    def every_flow(self, words: Mapping[str, Any]) -> "tuple[dict[str, Any], Written]":
        """The reply of `flows` without its list, made by this process; and a function that gives the list in pieces.

        `words`: the query by option, and perhaps `all`. OffloadError if the query is not valid or the router cannot be
        read.
        """
        return self._alone.every_flow({"query": words})

    @cached_property
    def _alone(self) -> "Alone":
        from offload.service.alone import Alone

        if self.root is not None:
            return Alone(*self._directory(self.root))
        from offload.service import main

        return Alone(main.doors())

    def _directory(self, root: "Path") -> "tuple[Doors, Snapshot]":
        # nft, ubus and conntrack are fakes without content; netlink has the Snapshot's routes, `probe` its features.
        from time import monotonic

        from offload.service.doors import Doors
        from offload.system.directory.router_directory import RouterDirectory
        from offload.system.fake_nft import FakeNft
        from offload.system.files.private_file import FakePrivateFile
        from offload.system.netlink.ct.conntrack import FakeConntrack
        from offload.system.netlink.route.links import FakeNetlink
        from offload.system.ubus.client import FakeUbusClient

        snapshot = RouterDirectory(root).snapshot()
        doors = Doors(
            uci=self.uci,
            nft=FakeNft(),
            bus=FakeUbusClient({}),
            netlink=FakeNetlink(ways=snapshot.routes),
            conntrack=FakeConntrack(),
            probe=lambda: snapshot.kernel,
            clock=monotonic,
            saved=FakePrivateFile(),
        )
        return doors, snapshot

    def serve(self) -> None:
        """Run the service of the running router (`root` is ignored) in this process, until a signal stops it.

        RunningError and KernelError as `serve` of service/main.py raises them.
        """
        from offload.service.main import serve

        serve()

    def require_running(self, verb: str) -> None:
        """Raise FileError if the router is a directory. `verb`: what needs the running router, for the sentence."""
        if self.root is not None:
            raise FileError(f"{verb} needs the running router, and --root names a directory")
