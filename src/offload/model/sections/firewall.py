"""/etc/config/firewall, section by section, exactly as written, with negations, ranges, masks and names.

NamedTuples and not dataclasses: the command makes them anew at every start, and dataclasses take six times as long.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from offload.model.sections.match import EVERYTHING, Address, Bits, Item, Limit, Match, NetworkName

ANY = "*"  # every zone


class Origin(NamedTuple):
    """Where a section comes from. `id`: as uci names it; empty for one that a service or netifd handed over."""

    id: str = ""
    name: str = ""
    type: str = ""


class Defaults(NamedTuple):
    """`config defaults`: policies of the base chains and switches for the whole ruleset."""

    origin: Origin = Origin()
    input: str = "drop"
    output: str = "drop"
    forward: str = "drop"
    drop_invalid: bool = False
    tcp_reject_code: str = "tcp-reset"
    any_reject_code: str = "port-unreachable"
    synflood_protect: bool = False
    synflood_rate: Limit = Limit(25, "second")
    synflood_burst: int = 50
    auto_helper: bool = True
    auto_includes: bool = True
    flow_offloading: bool = False
    flow_offloading_hw: bool = False
    stop_flushes: bool = False  # for files/etc/init.d/firewall


class Zone(NamedTuple):
    """`config zone`. `network` and `device` hold names; a device's `+` stands for any end of its name.

    `unread`: options that have a value which cannot be read, among them conditions of a zone that is left out.
    """

    origin: Origin
    name: str
    family: int | None = None
    network: tuple[Item, ...] = ()
    device: tuple[Item, ...] = ()
    subnet: tuple[Address | NetworkName, ...] = ()
    input: str = ""  # empty: as `config defaults` has it
    output: str = ""
    forward: str = ""
    masq: bool = False
    masq6: bool = False
    masq_allow_invalid: bool = False
    masq_src: tuple[Address | NetworkName, ...] = ()
    masq_dest: tuple[Address | NetworkName, ...] = ()
    mtu_fix: bool = False
    log: int = 0
    log_limit: Limit | None = None
    auto_helper: bool = True
    helper: tuple[str, ...] = ()
    counter: bool = True
    unread: tuple[str, ...] = ()


class Forwarding(NamedTuple):
    """`config forwarding`: traffic from one zone to another is accepted."""

    origin: Origin
    src: str
    dest: str
    name: str = ""
    family: int | None = None


class Rule(NamedTuple):
    """`config rule`. `lost`: conditions of the section that cannot be rendered, without which the match is too wide."""

    origin: Origin
    name: str
    match: Match = EVERYTHING
    src: str = ""
    dest: str = ""
    target: str = ""
    device: str = ""
    egress: bool = False
    set_helper: str = ""
    set_mark: Bits | None = None
    set_dscp: int | None = None
    counter: bool = True
    log: str = ""
    log_limit: Limit | None = None
    lost: tuple[str, ...] = ()


class Redirect(NamedTuple):
    """`config redirect`: a port forward (dnat) or a source rewrite (snat). `lost` as for a Rule."""

    origin: Origin
    name: str
    match: Match = EVERYTHING  # src_ip, src_port, src_mac and the conditions that have no direction
    src: str = ""
    dest: str = ""
    target: str = "dnat"
    src_dip: Address | NetworkName | None = None
    src_dport: Item | None = None
    dest_ip: Address | NetworkName | None = None
    dest_port: Item | None = None
    reflection: bool = True
    reflection_src: str = "internal"
    reflection_zone: tuple[str, ...] = ()
    counter: bool = True
    log: str = ""
    log_limit: Limit | None = None
    lost: tuple[str, ...] = ()


class Nat(NamedTuple):
    """`config nat`: source NAT of traffic that leaves through zone `src`. `lost` as for a Rule."""

    origin: Origin
    name: str
    match: Match = EVERYTHING
    src: str = ""
    device: str = ""
    target: str = "masquerade"
    snat_ip: Address | NetworkName | None = None
    snat_port: Item | None = None
    counter: bool = True
    log: str = ""
    lost: tuple[str, ...] = ()


class IpSet(NamedTuple):
    """`config ipset`: `match` are (direction, type) per field.

    `elements` is what it holds at first, from its entries and its loadfile: one value per field.
    """

    origin: Origin
    name: str
    match: tuple[tuple[str, str], ...]
    family: int = 4
    maxelem: int = 0
    timeout: int = -1
    comment: str = ""
    elements: tuple[tuple[Address | Item, ...], ...] = ()


class Include(NamedTuple):
    """`config include`: a file at a place of the ruleset, or a script to run after loading."""

    origin: Origin
    path: str
    type: str = "script"
    position: str = "table-append"
    chain: str = ""


class Helper(NamedTuple):
    """`config helper`: a conntrack helper of the kernel, and the port it listens to."""

    name: str
    description: str = ""
    module: str = ""
    family: int = 0
    proto: str = ""
    port: str = ""


class FirewallConfig(NamedTuple):
    """All sections of the firewall, in the order in which they take effect.

    `unread_zones`: zones that are left out, with what is known of them.
    """

    defaults: Defaults = Defaults()
    zones: tuple[Zone, ...] = ()
    forwardings: tuple[Forwarding, ...] = ()
    rules: tuple[Rule, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    nats: tuple[Nat, ...] = ()
    ipsets: tuple[IpSet, ...] = ()
    includes: tuple[Include, ...] = ()
    helpers: tuple[Helper, ...] = ()
    unread_zones: tuple[Zone, ...] = ()


class RouterNetwork(NamedTuple):
    """A netifd network as the firewall needs it: devices, zone and addresses; `device` is empty while it has none."""

    device: str = ""
    physical: str = ""
    zone: str = ""
    addresses: tuple[Address, ...] = ()


class RouterState(NamedTuple):
    """The router's state on which the ruleset depends besides the configuration.

    `lower` gives for each network device the devices beneath it, empty for one without; a device that is not a key does
    not exist. `includes`: (position, chain, path) of files that packages installed.
    """

    networks: Mapping[str, RouterNetwork] = MappingProxyType({})
    modules: frozenset[str] = frozenset()
    lower: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    includes: tuple[tuple[str, str, str], ...] = ()
    files: frozenset[str] | None = None  # paths of include sections that can be read; None: they are not checked
