"""The router's present state: links, netifd networks, addresses, routes, neighbours, and the kernel's features."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from offload.model.kernel.live_rule import MarkReader, PacketRule, UnloadedFile
from offload.nouns import dataclass, field

# The kernel accepts almost any bytes (dev_valid_name, net/core/dev.c); only these names are safe in nft text. One of
# digits alone nft takes for an index if the device does not exist.
DEVICE_NAME = re.compile(r"(?!\d+\Z)[A-Za-z0-9_.:+@-]{1,15}", re.ASCII)
CONNTRACK_MAX = 65536  # connections, if the kernel does not say how many: its default with 1 GiB of memory or more
MAX_NEIGHBOURS = 16_384  # stations, and neighbours, that are read and stored: any host can invent addresses


@dataclass(frozen=True, slots=True)
class Link:
    """A network device of the kernel.

    `hw_tc_offload` (False) and `hw_bind` (True) have these values also before they are probed.
    """

    name: str  # as in /sys/class/net
    kind: str = ""  # IFLA_INFO_KIND: bridge, vlan, bond, ppp, wireguard, veth, dsa, ...; empty for physical devices
    up: bool = True  # IFF_UP
    master: str = ""  # name of its bridge, bond or VRF; empty: none
    lower: tuple[str, ...] = ()  # the device that a VLAN or the like stands on; not ports: these have `master`
    wireless: bool = False  # from sysfs
    restless: bool = False  # a bridge between whose ports hosts move so often that no flowtable lists these for a while
    hw_tc_offload: bool = False  # feature of its driver, from ethtool
    hw_bind: bool = True  # the kernel accepts it in a flowtable with `flags offload`; without hw_tc_offload not tried
    index: int = 0  # the kernel's number for it, another one if a device of this name is made again; 0: not known

    @property
    def is_able(self) -> bool:
        """Whether a hardware flowtable can list the device: hw-tc-offload is on, and the kernel accepts it.

        False if it was not probed.
        """
        return self.hw_tc_offload and self.hw_bind


@dataclass(frozen=True, slots=True)
class Network:
    """A netifd interface as `network.interface dump` reports it."""

    name: str  # of the section `config interface`
    up: bool = True  # netifd's `up`
    l3_device: str = ""  # device with the addresses (`pppoe-wan`); empty while the network is down
    device: str = ""  # device beneath it (`eth1`)
    proto: str = ""  # protocol handler: static, dhcp, pppoe, ...
    zone: str = ""  # firewall zone that its protocol handler names (`data.zone`); empty: none


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the router with its prefix length, and the device that has it."""

    device: str
    address: IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table: traffic to `target` leaves through one of `devices` (several: multipath).

    Of routes to the same target the one with the lowest `metric` counts.
    """

    target: IPv4Network | IPv6Network
    devices: tuple[str, ...]
    metric: int = 0


@dataclass(frozen=True, slots=True)
class Leaving:
    """How packets to an address leave: the device, its MTU, and the MTU of the route (0: it has none of its own)."""

    device: str
    mtu: int  # bytes
    route_mtu: int = 0  # bytes; also a path MTU that was learned

    @property
    def most(self) -> int:
        """Bytes of the longest packet that leaves without fragmentation."""
        return min(self.mtu, self.route_mtu) if self.route_mtu else self.mtu


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """An `ip rule` that compares the mark: routing table `table` is for packets with `mark & fwmask == fwmark`.

    If `inverted`, it is for packets with `mark & fwmask != fwmark`.
    """

    family: str  # ipv4 or ipv6
    fwmark: int  # value that the masked mark has to have
    fwmask: int  # bits of the mark that are compared
    table: int = 0  # number of the routing table; 0: it has none, or its number is not known
    inverted: bool = False  # `not fwmark`: it holds for all other marks


@dataclass(frozen=True, slots=True)
class Qdisc:
    """A queueing discipline of a device. `kind`: its name (cake, fq_codel, ...).

    `fwmask`: the bits of the packet mark by which it sorts packets (cake's `fwmark`); 0: it is not cake, or has none.
    """

    device: str
    kind: str
    fwmask: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """A tc filter of a device: how it uses packet marks, and whether it acts on packets that could be offloaded."""

    device: str  # name of the device
    kind: str  # u32, fw, flower, bpf and so on
    fwmark: int | None = 0  # it compares `mark & fwmask` with this; None: it uses the mark in an unknown way
    fwmask: int = 0  # 0: it does not read the mark
    restores: bool = False  # it copies conntrack's mark into packets that leave (actions connmark and ctinfo)
    treats: bool = True  # hardware would bypass it; False: in software it acts on no packet that could be offloaded


@dataclass(frozen=True, slots=True, order=True)
class Station:
    """A MAC address that a bridge has learned, with its port and its VLAN (0: the bridge does not filter VLANs)."""

    mac: str
    port: str
    vlan: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Neighbour:
    """An IP address that the router has resolved on a device, and its MAC address; both as text."""

    address: str
    device: str
    mac: str


@dataclass(frozen=True, slots=True, order=True)
class ForwardChain:
    """A base chain on the forward hook. Packets pass chains of a lower `priority` first. `family`: inet, ip or ip6."""

    family: str
    table: str
    name: str
    priority: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A pair of zones or a device for which hardware is not requested for now: it took none of `flows` flows.

    `pair`: (source zone, destination zone); None: `device` is meant. `family`: ipv4 or ipv6, if only its flows are
    meant; empty: all flows.
    """

    flows: int
    pair: tuple[str, str] | None = None
    device: str = ""
    family: str = ""

    @property
    def name(self) -> str:
        """The pair or device, with the family if there is one, for a sentence: `eth0`, `lan > wan (ipv4)`."""
        pair = " > ".join(self.pair) if self.pair else self.device
        return f"{pair} ({self.family})" if self.family else pair


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A pair of zones whose flows in hardware have counters that stand still, though `devices` receive data.

    Hardware forwards these flows, but the totals of their packets and bytes are too small.
    """

    pair: tuple[str, str]
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lack:
    """What kernel or nft lack, or an error of nft, and the OpenWrt package that helps; empty `package`: none does."""

    what: str
    package: str

    def __str__(self) -> str:
        return f"{self.what}; install {self.package}" if self.package else self.what


@dataclass(frozen=True, slots=True)
class Kernel:
    """The features of the kernel and of the program nft."""

    release: str = ""  # as `uname -r` prints it
    flowtable: bool = True  # the probe could create a flowtable and a rule that uses it
    nft: str = ""  # version of the program nft; empty where it is missing or fails
    modules: tuple[str, ...] = ()  # loaded modules that matter here, without built-in ones; empty too if nft fails
    missing: tuple[Lack, ...] = ()  # the first feature that kernel or nft lack, or the error of nft; empty: none
    conntrack_max: int = CONNTRACK_MAX  # most connections of the kernel, 0: any number; default if `missing`
    ipsec: bool = False  # a rule can match packets that IPsec will encrypt; False too if something is missing


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The router's state at one moment, and what the service learned of it before, for decisions and findings."""

    links: tuple[Link, ...] = ()  # from rtnetlink
    networks: tuple[Network, ...] = ()  # from netifd, over ubus
    addresses: tuple[Address, ...] = ()  # of the router, from rtnetlink
    routes: tuple[Route, ...] = ()  # of the main table, to find the zones of flows; otherwise empty
    stations: tuple[Station, ...] = ()  # of bridges' forwarding tables; the service keeps those that aged out
    neighbours: tuple[Neighbour, ...] = ()  # of the neighbour tables; the service keeps those that aged out
    rules: tuple[RoutingRule, ...] = ()  # routing rules (`ip rule`), only those that compare the mark
    # families (ipv4, ipv6) with a routing rule that looks up a table besides main, which `routes` lack then
    policy_routed: frozenset[str] = frozenset()
    qdiscs: tuple[Qdisc, ...] = ()  # from rtnetlink
    filters: tuple[Filter, ...] = ()  # tc filters, from rtnetlink
    mark_readers: tuple[MarkReader, ...] = ()  # from nf_tables; empty if no routing rule compares the mark
    packet_rules: tuple[PacketRule, ...] = ()  # from nf_tables, rules that offloaded packets would bypass
    legacy_tables: tuple[str, ...] = ()  # of iptables-legacy: `iptables filter` and so on, without `nat`
    settings: Mapping[str, int] = field(default_factory=dict)  # some sysctls of net.netfilter, by name
    kernel: Kernel = field(default_factory=Kernel)  # from the probe
    firewall: str = "fw4"  # the loaded one: fw4, offload-firewall, ..., or `none`
    forward_chains: tuple[ForwardChain, ...] = ()  # of all tables, from nf_tables
    ingress_last: int | None = None  # highest priority of other programs' chains on ingress hooks; None: no chain
    # name of a table of offload -> number of replies that found no place in its full set of accepted replies
    missed: Mapping[str, int] = field(default_factory=dict)
    given_up: tuple[GivenUp, ...] = ()  # pairs of zones, and devices: not requested in hardware for now
    uncounted: tuple[Uncounted, ...] = ()  # pairs in hardware whose flows' counters stand still; only for findings
    unloaded: tuple[UnloadedFile, ...] = ()  # nft files that the firewall has yet to load; only for findings
    crowded: bool = False  # some stations or neighbours are left out, for there are more than MAX_NEIGHBOURS
