"""Read the router through the doors (the interfaces to kernel, nft and ubus) into a Snapshot.

`to_write` prepares a Snapshot for the command `offload snapshot`.
"""

from collections.abc import Mapping
from itertools import starmap
from pathlib import Path
from typing import Any

from offload.compiler.offload.foreign_rules import deciding, ingress_last, mark_readers, packet_rules
from offload.config.load import Packages
from offload.model.kernel.live_rule import Deciding, LiveChain, LiveRule, MarkReader, PacketRule, UnloadedFile
from offload.model.network import Kernel, Snapshot
from offload.model.plan import TABLES
from offload.model.problems.problem import Problem
from offload.model.sections.section import Section
from offload.nouns import replace
from offload.service.doors import Netlink, NftTables, UbusClient
from offload.system import netifd
from offload.system.netlink.dump import collector_resting

OUR_TABLES = tuple(name for name, _, _ in TABLES)
FIREWALL_TABLES = {"fw4": "fw4", "foomuuri": "foomuuri", "firewalld": "firewalld"}
OUR_FIREWALL = "offload-firewall"  # the package, whose table is called fw4 as well
FIREWALL_PART = Path("/usr/lib/offload/firewall")  # exists if that package is installed


def netifd_says(bus: UbusClient) -> dict[str, Any]:
    """The reply of netifd to `ubus call network.interface dump`, as parsed JSON; BusError if the call fails."""
    return bus.call("network.interface", "dump")


class ForeignRules:
    """The nftables rules of other programs that matter to offloaded connections, as of the last `read`.

    `deciding`: a summary of the rules that established packets meet. It has the names of sets, not their elements.
    `found`: the result of the last `read`.
    """

    def __init__(self) -> None:
        self._seen: tuple[tuple[LiveChain, ...], tuple[LiveRule, ...]] = ((), ())
        self.deciding = Deciding()
        self.found: tuple[tuple[MarkReader, ...], tuple[PacketRule, ...], int | None] = ((), (), None)

    def read(self, nft: NftTables) -> tuple[tuple[MarkReader, ...], tuple[PacketRule, ...], int | None]:
        """Read the ruleset: (rules that compare packet marks, rules that must see every packet, `ingress_last`).

        The rules are those of other programs. `ingress_last`: the highest priority of a chain on the ingress hook of a
        device; None: there is no such chain. The call also sets `deciding`. NftError if the kernel does not list its
        rules.
        """
        with collector_resting():
            ruleset = nft.ruleset()
            if ruleset is not self._seen:
                self._seen = ruleset
                self.deciding = deciding(*ruleset, OUR_TABLES)
                found = mark_readers(*ruleset, OUR_TABLES), packet_rules(*ruleset, OUR_TABLES)
                self.found = *found, ingress_last(ruleset[0])
        return self.found


def observe(
    dump: Mapping[str, Any], netlink: Netlink, nft: NftTables, kernel: Kernel, foreign: ForeignRules | None = None
) -> Snapshot:
    """Make a Snapshot of the kernel's state and of netifd's reply `dump`; routes are not read.

    `kernel`: as probed; if its `nft` is empty (no usable program nft), nothing of nftables is read. `foreign`: keeps
    what was found in other programs' rules for the next call; None: nothing is kept. OffloadError if nftables, devices,
    addresses, stations or neighbours cannot be read, or `dump` is malformed. Features of hardware, and what the service
    remembers, are not in it.
    """
    scene = netlink.scene()
    readers, treating, last = (foreign or ForeignRules()).read(nft) if kernel.nft else ((), (), None)
    tables = nft.tables() if kernel.nft else frozenset[str]()
    return Snapshot(
        links=scene.links,
        networks=netifd.networks(dump),
        addresses=scene.addresses,
        stations=scene.stations,
        neighbours=scene.neighbours,
        rules=scene.rules,
        policy_routed=scene.policy_routed,
        qdiscs=scene.qdiscs,
        filters=scene.filters,
        mark_readers=readers if scene.rules else (),
        packet_rules=treating,
        ingress_last=last,
        settings=netlink.settings(),
        legacy_tables=netlink.legacy_tables(),
        kernel=kernel,
        firewall=_firewall(tables),
        forward_chains=nft.forward_chains() if kernel.nft else (),
        missed=nft.missed(OUR_TABLES) if kernel.nft else {},
    )


def _firewall(tables: frozenset[str]) -> str:
    found = next((name for table, name in FIREWALL_TABLES.items() if table in tables), "none")
    return OUR_FIREWALL if found == "fw4" and FIREWALL_PART.exists() else found


def with_routes(snapshot: Snapshot, netlink: Netlink) -> Snapshot:
    """A copy of the Snapshot with the present unicast routes of the main table.

    KernelError if the kernel does not list its routes.
    """
    return replace(snapshot, routes=netlink.routes())


def to_write(
    snapshot: Snapshot, dump: Mapping[str, Any], packages: Packages, *, with_names: bool
) -> tuple[list[Section], dict[str, Any]]:
    """What `offload snapshot` writes of a router: (sections of its files, content of snapshot.json).

    Both have only options and keys that offload knows: addresses, but no passwords of networks. `dump`: netifd's reply
    to `network.interface dump`. `packages`: the files of /etc/config by name; those that cannot be read are skipped.
    Without `with_names`, three things get numbers instead: free text in the sections; the names of rules, redirects,
    forwardings, exempts and pairs (`section_3`); the paths of nft files (`3.nft`). Names of zones, networks, devices
    and sets stay.
    """
    from offload.config.anonymous import anonymous, known  # only the verb `snapshot` needs these
    from offload.system.directory.snapshot_json import snapshot_json

    found = known(each for sections in packages.values() if not isinstance(sections, Problem) for each in sections)
    unloaded = snapshot.unloaded if with_names else tuple(starmap(_unnamed, enumerate(snapshot.unloaded, 1)))
    written = snapshot_json(replace(snapshot, unloaded=unloaded), {netifd.DUMP: netifd.named_only(dump)})
    return found if with_names else anonymous(found), written


# Without nft's own sentence, which quotes the file.
def _unnamed(number: int, file: UnloadedFile) -> UnloadedFile:
    return replace(file, path=f"{number}.nft", why=file.why.partition(":")[0])
