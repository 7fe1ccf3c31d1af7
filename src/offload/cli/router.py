"""The router that a verb of the command works on: its state, its configuration, and the replies of its service."""

# What reaches nft, netlink and files is imported where it is needed: a verb that the service answers needs only ubus,
# and starts several times as fast.
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
    """The router that a verb works on. `root`: the directory with its files (--root); None: the running router."""

    def __init__(self, root: "Path | None") -> None:
        self.root = root

    @cached_property
    def nft(self) -> "Nft":
        """The program nft of this machine, also if the router is a directory."""
        from offload.system.nft.door import Nft

        return Nft()

    @cached_property
    def uci(self) -> "Uci":
        """A reader and writer of the router's configuration files; with a `root`, of those in the directory."""
        from offload.system.config.uci import Uci
        from offload.system.directory.router_directory import RouterDirectory

        return Uci() if self.root is None else Uci(RouterDirectory(self.root).confdir)

    def snapshot(self) -> "tuple[Snapshot, dict[str, Any]]":
        """Read the router's state: (Snapshot with routes, netifd's reply to `network.interface dump`).

        Kernel and hardware are probed anew. For a directory it is (the stored Snapshot, {}). OffloadError if the router
        or the directory cannot be read.
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
        """The features of this machine's kernel and nft, probed now, also if the router is a directory.

        If nft fails, that is in `missing` of the result.
        """
        from offload.system.kernel import conntrack_max, modules, release
        from offload.system.nft.probe import probe

        return probe(self.nft, release(), modules(), conntrack_max())

    def decide(self, *, held: bool = False) -> "Decided":
        """Read configuration and router, and decide the modes and the nft tables. The kernel is not changed.

        `held`: on the running router, the tables shall have the timed exempts that are in the kernel now. OffloadError
        if the router cannot be read. If a configuration file cannot be read, the result has a Problem.
        """
        from offload.service import reconcile

        snapshot, _ = self.snapshot()
        asked = held and self.root is None and snapshot.kernel.nft
        timed_exempts = reconcile.adopted(self.nft) if asked else ()
        return reconcile.decide(reconcile.read(self.uci), snapshot, timed_exempts)

    def transactions(self, decided: "Decided") -> list[str]:
        """The nft texts that would give the kernel the tables of `decided`: one for each transaction. Nothing is sent.

        Empty: the kernel has these tables already, or kernel or nft cannot do flowtables. For a directory it is one
        text, which creates all tables. OffloadError if the kernel's tables cannot be listed.
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
        """The service's reply to a method of the ubus object `offload`; None if no service can be reached.

        Also None if the router is a directory. `words`: the method's arguments; None: none. BusError if no reply comes
        within 30 seconds, or the call fails otherwise.
        """
        if self.root is not None:
            return None
        from offload.system.ubus.client import UbusClient

        try:
            return UbusClient(ANSWER_TIMEOUT).call("offload", method, words)
        except AbsentError:
            return None

    def live_reply(self, method: str, words: Mapping[str, Any]) -> dict[str, Any]:
        """The same as `reply`, but FileError if the router is a directory (--root)."""
        self.require_running("this")
        return self.reply(method, words)

    def reply(self, method: str, words: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The reply to a method of the ubus object `offload`, from the service.

        If none can be reached, or the router is a directory, this process makes the reply. `words`: the method's
        arguments; None: none. If the method fails, the reply has `error`; but UsageError if an argument is not valid.
        BusError if the call of the service fails otherwise; FileError if the directory cannot be read.
        """
        reply = self.service_reply(method, words) or self._alone.answer(method, words or {})
        if reply.get("usage"):
            raise UsageError(reply["error"])
        return reply

    def can_list_flows(self) -> bool:
        """Whether `every_flow` can make the list of flows that the service would give.

        False if the service has a pair of zones in hardware, the user is not root, or the router is a directory. Else
        True, also if no service runs. BusError if the call of the service fails.
        """
        # A long list takes a sixth of the time here. But only the service has followed the flows of pairs in hardware,
        # and the kernel lists nothing to other users than root.
        from os import geteuid

        if self.root is not None or geteuid():
            return False
        pairs = (self.service_reply("zones") or {}).get("pairs", ())
        return all(pair["effective"] != "hardware" for pair in pairs)

    def every_flow(self, words: Mapping[str, Any]) -> "tuple[dict[str, Any], Written]":
        """List flows in this process: returns (the reply of `flows` without `flows`, function that gives the text).

        `total` in it: how many flows the query selects, with its limit and offset aside. `words`: the options of the
        query by name; `all`, if True, adds connections of the router itself, and to multicast or broadcast. The
        function takes (JSON or not, columns) and gives the whole answer, with the flows, in pieces of text.
        OffloadError if the query is not valid or the router cannot be read.
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
        """Run the service of the running router in this process, until a signal stops it. `root` has no effect.

        RunningError if a service seems to run already; KernelError if the kernel's notifications cannot be received.
        """
        from offload.service.main import serve

        serve()

    def require_running(self, verb: str) -> None:
        """Raise FileError if the router is a directory (--root).

        `verb`: the beginning of the message, `VERB needs the running router, and --root names a directory`.
        """
        if self.root is not None:
            raise FileError(f"{verb} needs the running router, and --root names a directory")
