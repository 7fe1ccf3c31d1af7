"""The wanted tables in the kernel, and a Reason for each pair, zone or device that is not offloaded."""

import re
from collections.abc import Iterable, Mapping

from offload.model.config import Family, Mode
from offload.model.kernel.nft import Table as NftTable
from offload.model.network import Learned
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.sections.exempts import Exempt
from offload.nouns import dataclass, field

# The ends of a crossing that are bridges with ports of both kinds, those that hardware can have and others.
NO_END, FROM, TO, BOTH = "", "from", "to", "both"


@dataclass(frozen=True, slots=True, order=True)
class PolicyKey:
    """The properties that pairs with a common chain share.

    `after_packets`: packets of the original direction before offload. `family`: the UCI word. `stations`: the ends
    (NO_END, FROM, TO or BOTH) at which the station's port decides between hardware and software.
    """

    after_packets: int
    family: str
    stations: str = NO_END

    @property
    def chain(self) -> str:
        """Name of the chain: stable, so that an unchanged policy is an unchanged chain."""
        family = "" if self.family == Family.ANY.value else self.family
        return "_".join(filter(None, ("policy", str(self.after_packets), family, self.stations)))

    @classmethod
    def of(cls, verdict: str) -> "PolicyKey | None":
        """The policy a verdict of the map (`goto policy_20_ipv4`) goes to; None where we did not write it."""
        match = re.fullmatch(r"goto policy_(\d+)(?:_(ipv4|ipv6))?(?:_(from|to|both))?", verdict, re.ASCII)
        return cls(int(match[1]), match[2] or Family.ANY.value, match[3] or NO_END) if match else None


@dataclass(frozen=True, slots=True, order=True)
class Element:
    """One element of map `pairs`: packets from `iif` to `oif` go to `policy`'s chain."""

    iif: str
    oif: str
    policy: PolicyKey
    pair: tuple[str, str]


@dataclass(frozen=True, slots=True)
class TimedExempt:
    """An Exempt given at run time: `timeout` seconds in all, `expires` from now."""

    id: int
    exempt: Exempt
    timeout: int
    expires: int


@dataclass(frozen=True, slots=True)
class ExemptMatch:
    """An Exempt with its zones resolved to l3 devices; empty tuples match every device.

    `timed_exempt`: it ends by itself. `called` is what people call it: exempts are not made by sections only.
    `zone`: of an exempt that no section and no rule asks for, the zone whose subnets it keeps slow.
    `connmark`: only connections that have a mark (conntrack's, which packets do not carry).
    """

    exempt: Exempt  # its conditions
    iifs: tuple[str, ...] = ()  # devices of zone src
    oifs: tuple[str, ...] = ()  # devices of zone dest
    timed_exempt: TimedExempt | None = None
    called: str = ""
    zone: str = ""
    connmark: bool = False


FORWARD_PRIORITY = 10  # of our chain on the forward hook: the firewall's stands at 0 (NF_IP_PRI_FILTER)
ACCEPTED_PRIORITY = 1000  # of our chain that sees replies when other chains have accepted them
SHARED_PRIORITY = 9  # of the hardware table's chain: it decides before that of the software table
MAX_REMEMBERED = 65536  # connections of a family whose accepted reply a table remembers


@dataclass(frozen=True, slots=True)
class Table:
    """One nft table of ours with its flowtable. `devices` and `elements` are sorted: same Plan, same text.

    `late`: another table's chain on the forward hook stands behind ours, so a reply counts as accepted only behind it.
    `remembered`: how many connections of a family it can remember to have had an accepted reply.
    `ipsec`: flows that IPsec will encrypt stay slow, because the kernel checks no policy of offloaded packets.
    `stations`: the elements of the sets of stations, by name, where the port of a station decides. They are no part of
    what tables are compared by: the service keeps them up to date one by one.
    `nft`: the table that was compiled, and the table as nftables has it; None: not compiled yet.
    """

    name: str  # of the nft table
    flowtable: str  # name of its flowtable
    hardware: bool  # the flowtable has `flags offload`
    devices: tuple[str, ...]
    elements: tuple[Element, ...]
    exempts: tuple[ExemptMatch, ...] = ()  # traffic of its pairs that stays slow
    late: bool = False
    remembered: int = MAX_REMEMBERED
    ipsec: bool = False
    stations: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    nft: tuple["Table", NftTable] | None = field(default=None, compare=False)

    @property
    def mode(self) -> Mode:
        """The mode of the pairs in it."""
        return Mode.HARDWARE if self.hardware else Mode.SOFTWARE

    @property
    def policies(self) -> tuple[PolicyKey, ...]:
        """The policies in use, each once."""
        return tuple(sorted({element.policy for element in self.elements}))

    @property
    def shared(self) -> tuple[Element, ...]:
        """The elements that both tables have, because the port of a station decides which of them takes a flow."""
        return tuple(element for element in self.elements if element.policy.stations)


# (nft table, flowtable, mode): the names of design and the order of the text.
SOFTWARE_TABLE = ("flow_offload", "sw", Mode.SOFTWARE)
HARDWARE_TABLE = ("flow_offload_hw", "hw", Mode.HARDWARE)
TABLES = (SOFTWARE_TABLE, HARDWARE_TABLE)
PAIRS = "pairs"  # the map of each table, from (iif, oif) to the chain of a policy
Crossings = frozenset[tuple[str, str]]  # (iif, oif) of elements of that map
MOST_DEVICES = 255  # of a flowtable: nf_tables_parse_netdev_hooks(), net/netfilter/nf_tables_api.c, refuses the 256th


@dataclass(frozen=True, slots=True)
class PairStations:
    """The stations of a pair at whose ports is decided between hardware and software.

    `devices` are the layer 3 devices of its bridges with ports of both kinds, `ports` those that hardware does not
    have; `hardware` and `software` how many stations are known on these bridges, by the path of their flows.
    """

    devices: tuple[str, ...]
    ports: tuple[str, ...]
    hardware: int = field(default=0, compare=False)
    software: int = field(default=0, compare=False)

    @property
    def reason(self) -> Reason:
        """The Reason that not all of the pair is in hardware."""
        known = self.hardware + self.software
        if not known:
            return ReasonCode.STATIONS_UNSEEN(ports=", ".join(self.ports))
        return ReasonCode.STATIONS_SOFTWARE(ports=", ".join(self.ports), count=self.software, known=known)


@dataclass(frozen=True, slots=True)
class DeviceDecision:
    """A device that belongs to zones, the flowtables that list it, and why not where none does.

    `stations`: how many were seen at this port last; None where no port decides between hardware and software.
    """

    name: str  # of the device
    zones: tuple[str, ...]  # names of the zones it belongs to
    flowtables: tuple[str, ...]  # names of the flowtables that list it
    hardware: bool  # a pair it carries asks for hardware
    reasons: tuple[Reason, ...]  # why no flowtable lists it
    stations: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ZoneDecision:
    """A zone of the firewall: its mode, the fastest one any of its pairs got, and its l3 devices.

    `chosen`: the mode is the zone's own; else it is the one of `config globals`, which holds where the other zone of a
    pair has none of its own either.
    """

    name: str  # of the zone
    mode: Mode  # requested by the user
    effective: Mode  # the fastest of its pairs
    devices: tuple[str, ...]  # layer 3 devices
    reasons: tuple[Reason, ...]  # why `effective` differs from `mode`
    chosen: bool = True


@dataclass(frozen=True, slots=True)
class PairDecision:
    """A pair of zones: its requested mode, its effective mode, its policy, and the Reasons for a lower one.

    `always_slow`: an exempt of all of it, or a fault, keeps it slow whatever its mode. `stations`: where their ports
    decide between hardware and software.
    """

    src: str  # zone of the original direction
    dest: str  # zone that connections lead to
    mode: Mode  # requested by the user
    effective: Mode  # decided by the compiler
    family: Family  # that is offloaded
    after_packets: int  # packets of the original direction before offload
    reasons: tuple[Reason, ...]  # why `effective` is lower than `mode`
    always_slow: bool = False
    stations: PairStations | None = None

    @property
    def hardware(self) -> bool:
        """Whether hardware was tried for it: a pair that stays slow on purpose is not tried."""
        return self.mode is Mode.HARDWARE and not self.always_slow


def crossing_pairs(zone: str, pairs: Iterable[PairDecision]) -> list[PairDecision]:
    """The pairs that decide a zone's effective mode: those with other zones; without such the one with itself.

    Traffic within a zone is rarely what its mode was chosen for, so it must not stand for traffic that leaves it.
    """
    own = [pair for pair in pairs if zone in {pair.src, pair.dest}]
    return [pair for pair in own if pair.src != pair.dest] or own


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision. No table means: no table of ours in the kernel. `present` are the links that exist now.

    `bridges` maps layer 3 devices to the bridge they are or stand on, `covered` are the devices that hardware has: by
    these the stations that come and go are put into the sets of the tables. `learned`: where stations are now.
    """

    tables: tuple[Table, ...] = ()  # software first
    zones: tuple[ZoneDecision, ...] = ()  # in the order of the firewall's zones
    pairs: tuple[PairDecision, ...] = ()  # in the order of their zones
    devices: tuple[DeviceDecision, ...] = ()  # those that belong to zones or that the user named
    present: frozenset[str] = frozenset()
    bridges: Mapping[str, str] = field(default_factory=dict)
    covered: frozenset[str] = frozenset()
    learned: Learned | None = field(default=None, compare=False)
