"""The interfaces ("doors") to nft, netlink, ubus, files and scripts, as Protocols; `system/` implements them.

A method does, and raises, what the implementation documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from offload.nouns import dataclass

if TYPE_CHECKING:  # a command without a service must not import half of the product here
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from offload.model.applied import Cut
    from offload.model.flow import C, Entries, Entry, Tuple
    from offload.model.kernel.live import LiveTable, RuleId, Strays
    from offload.model.kernel.live_rule import Ruleset
    from offload.model.log import LogLevel
    from offload.model.network import ForwardChain, Kernel, Leaving, Neighbour, Route, Station
    from offload.model.problems.problem import Problem
    from offload.model.sections.section import Edit, Removal, Section
    from offload.system.netlink.route.links import LinkDump
    from offload.system.netlink.route.messages import Notification
    from offload.system.netlink.route.rtnetlink import NeighbourEvent


class UciReader(Protocol):
    """Reads files of /etc/config. `read`: the sections of the file `package`, or the Problem why it cannot be read."""

    def read(self, package: str) -> tuple[Section, ...] | Problem: ...


class Uci(UciReader, Protocol):
    """Reads and edits files of /etc/config. `changed`: whether one was written or removed after `follow` read it."""

    def follow(self, package: str) -> tuple[Section, ...] | Problem: ...
    def write(self, package: str, edits: Sequence[Edit | Removal]) -> None: ...
    def changed(self) -> bool: ...


class NftChecker(Protocol):
    """Asks nft and the kernel. `check` raises NftError if they would refuse the text; it changes nothing.

    `live`: by name, those of our tables in `names` that the kernel has; station sets come without elements. `known`:
    the tables as expected; a set with the same digest there and in the kernel gets its elements from `known`.
    """

    def check(self, text: str) -> None: ...
    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]: ...


class NftTables(Protocol):
    """Reads nftables for a Snapshot. `tables`: names in family inet. `ruleset`: (chains, rules) of all programs.

    `forward_chains`: base chains on the forward hook. `missed`: by table, accepted replies that found a set full.
    """

    def tables(self) -> frozenset[str]: ...
    def forward_chains(self) -> tuple[ForwardChain, ...]: ...
    def missed(self, names: Iterable[str]) -> dict[str, int]: ...
    def ruleset(self) -> Ruleset: ...


class Nft(NftChecker, NftTables, Protocol):
    """Sends and reads nftables. `apply` sends text as one transaction; `transactions`: how many it sent with success.

    `strays`: by (iif, oif), packets that met rules though their flow has the hardware mark. `handles`: the RuleId
    of each rule of a table. `remembers`: whether set `name` has element `key`. `keys`: all of them. Both: None if that
    cannot be read. `hurry`: after `seconds` nft is killed. `of_others`: counts others' transactions, at `ruleset`.
    """

    of_others: int

    @property
    def transactions(self) -> int: ...
    def apply(self, text: str) -> None: ...
    def strays(self, name: str) -> Strays: ...
    def handles(self, table: str) -> frozenset[RuleId]: ...
    def remembers(self, table: str, name: str, key: bytes) -> bool | None: ...
    def keys(self, table: str, name: str) -> frozenset[bytes] | None: ...
    def hurry(self, seconds: float) -> None: ...


class UbusClient(Protocol):
    """Calls methods of other ubus objects and waits; a failure raises. `call` gives the reply; `tell` needs none."""

    def call(self, object_name: str, method: str, args: dict[str, Any] | None = None) -> dict[str, Any]: ...
    def tell(self, object_name: str, method: str, args: dict[str, Any]) -> None: ...


class Drivers(Protocol):
    """Asks drivers. `hw_tc_offload`: which of these devices have the ethtool feature hw-tc-offload switched on."""

    def hw_tc_offload(self, names: Iterable[str]) -> frozenset[str]: ...


class Netlink(Drivers, Protocol):
    """Reads rtnetlink, sysfs and /proc. `scene`: links, addresses, FDB, neighbours, routing rules, qdiscs, tc filters.

    `settings`: sysctls of net.netfilter. `legacy_tables`: of iptables-legacy. `routes`: unicast, of the main table.
    `leaving`: device and MTUs of the route to an address; None: no route, or no reply. `received`: bytes by device.
    """

    def scene(self) -> LinkDump: ...
    def settings(self) -> dict[str, int]: ...
    def legacy_tables(self) -> tuple[str, ...]: ...
    def routes(self) -> tuple[Route, ...]: ...
    def leaving(self, address: bytes) -> Leaving | None: ...
    def received(self) -> dict[str, int]: ...


class Conntrack(Protocol):
    """The conntrack table. `find`: entries of these addresses and ports. `of_host`: those with this address at an end.

    Both may give other entries too. `summary`, `listed` and `offloaded` (entries in a flowtable) feed a counter that
    `begin` makes, and return it, `listed` with the entries. `fast` gives entries in a flowtable to `take`, in parts.
    `id_of`: the kernel's id; empty: not known. `between`: some reads call it between two datagrams, for urgent work.
    """

    between: Callable[[], None]

    def entries(self, *, offloaded: bool = False) -> list[Entry]: ...
    def find(self, proto: int, ends: Tuple) -> list[Entry]: ...
    def of_host(self, address: bytes) -> list[Entry]: ...
    def id_of(self, entry: Entry) -> bytes: ...
    def summary(self, begin: Callable[[], C]) -> C: ...
    def offloaded(self, begin: Callable[[], C]) -> C: ...
    def listed(self, begin: Callable[[], C]) -> tuple[C, Entries]: ...
    def has_offloaded(self, which: Callable[[Entry], bool]) -> bool: ...
    def fast(self, take: Callable[[Entries], None]) -> None: ...
    def delete(self, entries: Iterable[Entry]) -> Cut: ...


class Monitor(Protocol):
    """The kernel's notifications that were not read yet: `links` of rtnetlink, `transactions` of nftables.

    `descriptors`: the two sockets. `named`: (Station, its bridge) or Neighbour of an event, with names of devices in
    place of indexes; None: a device is gone.
    """

    descriptors: tuple[int, int]

    def links(self) -> Notification: ...
    def transactions(self) -> Notification: ...
    def named(self, seen: NeighbourEvent) -> tuple[Station, str] | Neighbour | None: ...
    def close(self) -> None: ...


class ConntrackEvents(Protocol):
    """Ended connections. `read`: those not read yet, and whether no event was lost. `descriptor`: socket to poll."""

    descriptor: int

    def read(self) -> tuple[list[Entry], bool]: ...
    def close(self) -> None: ...


class UbusServer(Protocol):
    """Our objects on ubus. `serve` answers calls, and calls `hearing` with the name of each event that has arrived.

    `event_waits`: whether one seems to be in the socket, unread. `leave` disconnects; `lost`: ubusd is gone.
    """

    descriptor: int | None  # None while not connected
    hearing: Callable[[str], None]

    def connect(self) -> None: ...
    def serve(self) -> None: ...
    def event_waits(self) -> bool: ...
    def send(self, event: str, data: Mapping[str, Any]) -> None: ...
    def leave(self, *, lost: bool) -> None: ...


class File(Protocol):
    """A file of our own. `read` gives its bytes, or None if it does not exist; `write` replaces its content."""

    def read(self) -> bytes | None: ...
    def write(self, content: bytes) -> None: ...


class FileReader(Protocol):
    """Router files. `text`: None if not `readable`. `helpers`: sections of fw4's file; None: absent or no UCI."""

    def text(self, path: str) -> str | None: ...
    def helpers(self) -> tuple[Section, ...] | None: ...
    def readable(self, path: str) -> bool: ...


class RouterFiles(FileReader, Protocol):
    """The router's files and devices that the firewall needs besides /etc/config/firewall. `modules`: of the kernel.

    `devices`: by device, those directly below (bridge, VLAN; else none). `installed`: (position, chain, path) of
    packages' nft files. `matching`: files that an nft include's pattern matches. `configuration`: hash of two files.
    """

    def modules(self) -> frozenset[str]: ...
    def devices(self) -> dict[str, tuple[str, ...]]: ...
    def installed(self) -> tuple[tuple[str, str, str], ...]: ...
    def matching(self, pattern: str) -> tuple[str, ...]: ...
    def configuration(self) -> str: ...


class OwnFile(File, Protocol):
    """A file of our own that can be removed, because its existence alone has a meaning."""

    def remove(self) -> None: ...


class Scripts(Protocol):
    """`source` runs a `config include` script, `save` ours that stores the boot ruleset in flash; "" or the failure."""

    def source(self, path: str) -> str: ...
    def save(self) -> str: ...


class Log(Protocol):
    """The system log: `write` adds one line, and never raises."""

    def write(self, level: LogLevel, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class FirewallDoors:
    """The files of our firewall: those of the router that it reads, and three of its own."""

    files: RouterFiles  # the router's
    loaded: OwnFile  # describes the last load; it does not exist while the firewall is stopped
    boot: File  # the ruleset that the router's next boot loads without Python; a script copies it to flash
    stop: OwnFile  # exists while the firewall is stopped on purpose


@dataclass(frozen=True, slots=True)
class Doors:
    """The interfaces to the router that an Engine works on."""

    uci: Uci  # files of /etc/config
    nft: Nft  # nftables
    bus: UbusClient  # other ubus objects
    netlink: Netlink  # rtnetlink and sysfs
    conntrack: Conntrack  # live connections
    probe: Callable[[], Kernel]  # finds the kernel's features
    clock: Callable[[], float]  # seconds since boot that never jump
    saved: File  # file from which the next service takes the timed exempts
    firewall: FirewallDoors | None = None  # None without the package offload-firewall, and with --root
    stations: File | None = None  # file with where stations were seen last; None: not kept, as with --root
    totals: File | None = None  # file with the totals of ended connections; None: not kept, as with --root
    files: RouterFiles | None = None  # files that the firewall depends on besides /etc/config; None: not read
    # (nft texts, text of nft `define`s) -> the rules of each; None: nft files that are not loaded yet are not read
    dry_run: Callable[[Sequence[str], str], Sequence[Ruleset]] | None = None
