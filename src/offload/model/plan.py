"""The Plan: the wanted nft tables, and Reasons why pairs, zones and devices are slower than requested."""

import re
from collections.abc import Iterable, Mapping

from offload.model.config import Family, Mode
from offload.model.kernel.learned import Learned
from offload.model.kernel.nft import Table as NftTable
from offload.model.problems.reason import Reason, ReasonCode
from offload.model.sections.exempts import Exempt
from offload.nouns import dataclass, field

# The ends of a pair of devices that are bridges with both kinds of ports: those that hardware can have, and others.
NO_END, FROM, TO, BOTH = "", "from", "to", "both"


@dataclass(frozen=True, slots=True, order=True)
class PolicyKey:
    """How connections are offloaded: those with equal keys share a chain of our table.

    `after_packets`: `flow add` needs so many packets of the original direction, the present one included. `family`:
    any, ipv4 or ipv6. `stations`: the ends of a flow where the bridge port of the host decides between hardware and
    software: FROM (source), TO (destination), BOTH or NO_END.
    """

    after_packets: int
    family: str
    stations: str = NO_END

    @property
    def chain(self) -> str:
        """The name of the nft chain for connections with this key: `policy_20`, `policy_20_ipv4_from`."""
        family = "" if self.family == Family.ANY.value else self.family
        return "_".join(filter(None, ("policy", str(self.after_packets), family, self.stations)))

    @classmethod
    def of(cls, verdict: str) -> "PolicyKey | None":
        """The key in a verdict: `goto policy_20_ipv4`, `goto policy_20_replies`; None: another verdict."""
        match = re.fullmatch(
            r"goto policy_(\d+)(?:_(ipv4|ipv6))?(?:_(from|to|both))?(?:_replies(?:_ipv[46])?)?", verdict, re.ASCII
        )
        return cls(int(match[1]), match[2] or Family.ANY.value, match[3] or NO_END) if match else None


@dataclass(frozen=True, slots=True, order=True)
class Element:
    """Connections from device `iif` to device `oif` that a table offloads.

    `pair`: (source zone, destination zone), the first if several pairs use these devices.
    """

    iif: str  # name on the forward hook: in a VRF that of the VRF, and with `opened` False its own
    oif: str  # name on the forward hook; with `opened` False the VRF's
    policy: PolicyKey  # with `opened` False only its family counts, that of the replies
    pair: tuple[str, str]
    opened: bool = True  # False: only replies to such connections are looked up by these names (VRF)


@dataclass(frozen=True, slots=True)
class TimedExempt:
    """An exempt by `offload exempt add`, which ends by itself.

    `id`: its number for `exempt delete`. `timeout`: seconds in all; `expires`: seconds left when this was made.
    """

    id: int
    exempt: Exempt
    timeout: int
    expires: int


@dataclass(frozen=True, slots=True)
class ExemptMatch:
    """An Exempt (conditions of slow traffic) with devices or addresses in place of its zones.

    An empty `iifs` or `oifs` means every device.
    """

    exempt: Exempt  # its conditions; without an address it has the subnets of a zone without known devices
    iifs: tuple[str, ...] = ()  # input devices
    oifs: tuple[str, ...] = ()  # output devices
    timed_exempt: TimedExempt | None = None  # the timed exempt of which it is made; None: any other exempt
    called: str = ""  # the subject of sentences about it: `exempt 'PlayStation'`, `timed exempt 3`
    zone: str = ""  # the zone, of subnets without devices, for which the compiler made this; empty: any other exempt
    connmark: bool = False  # one more condition: the connection's mark (ct mark) is not 0; packet marks do not matter


FORWARD_PRIORITY = 10  # of our chain on the forward hook; the firewall's has 0 (NF_IP_PRI_FILTER)
# INT_MAX - 1: the priority of the hardware table's chain on the forward hook if the table is `late`, and of the
# software flowtable if its table is `behind`; that of the other table is then INT_MAX
ACCEPTED_PRIORITY = BEHIND_PRIORITY = 2**31 - 2
SHARED_PRIORITY = 9  # of the hardware table's chain, which must decide before that of the software table
MAX_REMEMBERED = 65536  # connections of each family whose accepted reply a table can remember


@dataclass(frozen=True, slots=True)
class Table:
    """An nft table of ours with its flowtable, as it should be in the kernel. `devices` and `elements` are sorted."""

    name: str  # of the nft table
    flowtable: str  # name of its flowtable
    hardware: bool  # the flowtable has `flags offload`
    devices: tuple[str, ...]  # that the flowtable lists
    elements: tuple[Element, ...]  # connections that it offloads, by devices
    exempts: tuple[ExemptMatch, ...] = ()  # traffic that stays slow, also of pairs that are not in this table
    # another program has a chain on the forward hook at priority 9 or higher, so the priority of the table's own chain
    # there is INT_MAX - 1 (hardware) or INT_MAX (software), in place of 9 (hardware) or 10 (software)
    late: bool = False
    # other programs have ingress chains at priority 0 or higher, so the priority of its flowtable is INT_MAX (hardware)
    # or INT_MAX - 1 (software), in place of 1 (hardware) or 0 (software). nft 1.0.6 cannot delete a device from it: the
    # kernel refuses the request, which always has priority 0 ("Operation not supported")
    behind: bool = False
    remembered: int = MAX_REMEMBERED  # size of each set of connections with a reply that the firewall accepted
    indexes: tuple[tuple[str, int], ...] = ()  # name and index of each device that its rules and map name, sorted
    common: str = ""  # a device in every (iif, oif) of the map: packets without it need no look-up; empty: not compared
    absent: str = ""  # a device in no (iif, oif) of the map: its packets need no look-up; empty: not compared
    ipsec: bool = False  # flows that IPsec will encrypt stay slow: the kernel checks no policy of offloaded packets
    # by set, the elements (nft text) of the station sets: hosts at bridge ports, which the service updates one by one
    stations: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    # (the table that was compiled, the nft objects made of it); None: not compiled yet
    nft: tuple["Table", NftTable] | None = field(default=None, compare=False)

    @property
    def mode(self) -> Mode:
        """HARDWARE if its flowtable has `flags offload`, else SOFTWARE."""
        return Mode.HARDWARE if self.hardware else Mode.SOFTWARE

    @property
    def policies(self) -> tuple[PolicyKey, ...]:
        """The policies of its elements, without repeats, sorted."""
        return tuple(sorted({element.policy for element in self.elements}))

    @property
    def shared(self) -> tuple[Element, ...]:
        """Those of `elements` where the bridge port of a host decides whether a flow is in hardware or software."""
        return tuple(element for element in self.elements if element.policy.stations)


# (nft table, flowtable, mode): the names, and their order in the text.
SOFTWARE_TABLE = ("flow_offload", "sw", Mode.SOFTWARE)
HARDWARE_TABLE = ("flow_offload_hw", "hw", Mode.HARDWARE)
TABLES = (SOFTWARE_TABLE, HARDWARE_TABLE)
CROSSINGS = "crossings"  # the map of each table, from (iif, oif) to the chain for what passes there
Crossings = frozenset[tuple[str, str]]  # (iif, oif) of elements of that map
MOST_DEVICES = 255  # of a flowtable: nf_tables_parse_netdev_hooks(), net/netfilter/nf_tables_api.c, refuses the 256th


@dataclass(frozen=True, slots=True)
class PairStations:
    """Bridges of a pair of zones that hardware covers in part: a host's port decides the path of its flows.

    `devices`: these bridges, or VLANs on them, as routes name them. `ports`: their ports that hardware does not cover.
    `hardware`, `software`: how many hosts are known at covered ports, and at other ports.
    """

    devices: tuple[str, ...]
    ports: tuple[str, ...]
    hardware: int = field(default=0, compare=False)
    software: int = field(default=0, compare=False)

    @property
    def reason(self) -> Reason:
        """Why a part of the pair is not in hardware: STATIONS_UNSEEN without known hosts, else STATIONS_SOFTWARE."""
        known = self.hardware + self.software
        if not known:
            return ReasonCode.STATIONS_UNSEEN(ports=", ".join(self.ports))
        return ReasonCode.STATIONS_SOFTWARE(ports=", ".join(self.ports), count=self.software, known=known)


@dataclass(frozen=True, slots=True)
class DeviceDecision:
    """A device of a zone, or named by the user: which flowtables list it, and why not more.

    `reasons`: why no flowtable lists it, or why only the software one does, where hardware was requested.
    """

    name: str  # of the device
    zones: tuple[str, ...]  # names of the zones it belongs to
    flowtables: tuple[str, ...]  # names of the flowtables that list it
    hardware: bool  # a pair of one of `zones` asks for hardware
    reasons: tuple[Reason, ...]  # empty: all is as requested
    # number of hosts seen at this bridge port; None: ports do not decide between hardware and software
    stations: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ZoneDecision:
    """A zone of the firewall with its requested mode, the fastest mode that its traffic gets, and Reasons for that.

    `chosen`: whether the mode is the zone's own; False: it is that of `config globals`.
    """

    name: str  # of the zone
    mode: Mode  # requested by the user
    effective: Mode  # the fastest of its pairs (`deciding_pairs`); NONE without pairs
    devices: tuple[str, ...]  # layer 3 devices
    reasons: tuple[Reason, ...]  # why `effective` is none, or differs from `mode`; also faults and missing devices
    chosen: bool = True


@dataclass(frozen=True, slots=True)
class PairDecision:
    """Connections from zone `src` to `dest`: the requested mode, the fastest that they get, and why it is not faster.

    `family` and `after_packets` are those requested for this pair. On devices that other pairs use too, only one of the
    families may be offloaded, or only after more packets.
    """

    src: str  # zone of the original direction
    dest: str  # zone that connections lead to
    mode: Mode  # requested by the user
    effective: Mode  # decided by the compiler
    family: Family  # to be offloaded
    after_packets: int  # packets of the original direction before offload
    # why it, or a part of its traffic, is slow, or slower than `mode` or than the mode of one of its zones
    reasons: tuple[Reason, ...]
    always_slow: bool = False  # exempts or rules for all its traffic, or a fault, keep it slow; False if `mode` is none
    # where the port of a station decides between hardware and software; None: nowhere
    stations: PairStations | None = None

    @property
    def hardware(self) -> bool:
        """Whether hardware was requested and the pair is not `always_slow`; `effective` may still be lower."""
        return self.mode is Mode.HARDWARE and not self.always_slow


def deciding_pairs(zone: str, pairs: Iterable[PairDecision]) -> list[PairDecision]:
    """The pairs that decide a zone's effective mode: those with the zone at one end and another zone at the other.

    If there are none, the pair of the zone with itself, or none. They are in the order given.
    """
    own = [pair for pair in pairs if zone in {pair.src, pair.dest}]
    return [pair for pair in own if pair.src != pair.dest] or own


@dataclass(frozen=True, slots=True)
class Plan:
    """The modes decided for this router, and the nft tables that should be in its kernel."""

    tables: tuple[Table, ...] = ()  # software first; (): ours are to be deleted
    zones: tuple[ZoneDecision, ...] = ()  # in the order of the firewall's zones
    pairs: tuple[PairDecision, ...] = ()  # in the order of their zones
    devices: tuple[DeviceDecision, ...] = ()  # those that belong to zones or that the user named
    present: frozenset[str] = frozenset()  # names of the links that exist
    # layer 3 device -> the bridge that it is or stands on; the station sets need it
    bridges: Mapping[str, str] = field(default_factory=dict)
    covered: frozenset[str] = frozenset()  # devices that a hardware flowtable can list; the station sets need it
    learned: Learned | None = field(default=None, compare=False)  # where stations are now
