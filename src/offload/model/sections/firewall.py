"""The firewall's sections as typed values, as written: with negations, ranges, masks and names.

They come from /etc/config/firewall, and over ubus from services and netifd; a Helper comes from another file.
"""

# NamedTuples and not dataclasses: every start of the command defines these classes again, and dataclasses take longer.
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from offload.model.sections.match import EVERYTHING, Address, Bits, Item, Limit, Match, NetworkName

ANY = "*"  # every zone


class Origin(NamedTuple):
    """The section or nft file that something comes from. `id`: as uci names the section; `name`: its option `name`.

    `id` is empty for sections that a service or a netifd interface gives over ubus. For an nft file it is empty, `name`
    is the path, and `type` is `file`.
    """

    id: str = ""
    name: str = ""
    type: str = ""


class Defaults(NamedTuple):
    """`config defaults`: policies of the base chains and switches for the whole ruleset."""

    origin: Origin = Origin()  # of the section
    input: str = "drop"  # policy for packets to the router
    output: str = "drop"  # policy for packets of the router
    forward: str = "drop"  # policy for forwarded packets
    drop_invalid: bool = False  # drop packets in conntrack state invalid
    tcp_reject_code: str = "tcp-reset"  # how REJECT answers TCP
    any_reject_code: str = "port-unreachable"  # how REJECT answers other protocols
    synflood_protect: bool = False  # limit new TCP connections to the router
    synflood_rate: Limit = Limit(25, "second")  # rate of that limit
    synflood_burst: int = 50  # packets above that rate
    auto_helper: bool = True  # 0: no zone assigns helpers by itself
    auto_includes: bool = True  # include the nft files of packages
    flow_offloading: bool = False  # fw4's own flowtable, of all zones
    flow_offloading_hw: bool = False  # that flowtable in hardware
    stop_flushes: bool = False  # `/etc/init.d/firewall stop` flushes the whole ruleset; that script reads the option


class Zone(NamedTuple):
    """`config zone` of the firewall. `network` and `device` are names; `+` at a device's end stands for any text.

    `unread`: names of the options with a value that cannot be read.
    """

    origin: Origin  # of the section
    name: str  # of the zone; the section's id if the name cannot be read
    family: int | None = None  # 4, 6, 0 for both, None for not chosen
    network: tuple[Item, ...] = ()  # names of netifd networks
    device: tuple[Item, ...] = ()  # devices besides those of the networks
    subnet: tuple[Address | NetworkName, ...] = ()  # addresses that the zone is narrowed to
    input: str = ""  # policy for packets to the router; empty: as `config defaults` has it
    output: str = ""  # policy for packets of the router to the zone; empty: as above
    forward: str = ""  # policy between devices of the zone; empty: as above
    masq: bool = False  # masquerade IPv4
    masq6: bool = False  # masquerade IPv6
    masq_allow_invalid: bool = False  # let invalid packets leave untranslated
    masq_src: tuple[Address | NetworkName, ...] = ()  # only these sources are masqueraded
    masq_dest: tuple[Address | NetworkName, ...] = ()  # only for these destinations
    mtu_fix: bool = False  # clamp the segment size of TCP to the path's MTU
    log: int = 0  # bit 0: filter, bit 1: mangle
    log_limit: Limit | None = None  # rate of its log lines
    auto_helper: bool = True  # assign all helpers if `helper` is empty
    helper: tuple[str, ...] = ()  # names of helpers for its hosts
    counter: bool = True  # its verdicts count packets
    unread: tuple[str, ...] = ()


class Forwarding(NamedTuple):
    """`config forwarding`: traffic from one zone to another is accepted."""

    origin: Origin  # of the section
    src: str  # zone
    dest: str  # zone
    name: str = ""  # for the comment
    family: int | None = None  # 4, 6, 0 for both, None for not chosen


class Rule(NamedTuple):
    """`config rule` of the firewall."""

    origin: Origin  # of the section
    name: str  # for the comment
    match: Match = EVERYTHING  # conditions
    src: str = ""  # zone; empty for packets of the router, `*` for every zone
    dest: str = ""  # zone; empty for packets to the router, `*` for every zone
    target: str = ""  # accept, drop, reject, notrack, helper, mark, dscp
    device: str = ""  # option `device`
    egress: bool = False  # `device` is the output device
    set_helper: str = ""  # name of the helper to assign
    set_mark: Bits | None = None  # value and mask to write
    set_dscp: int | None = None  # class to write
    counter: bool = True  # it counts packets
    log: str = ""  # prefix of log lines; empty: no log
    log_limit: Limit | None = None  # rate of its log lines
    lost: tuple[str, ...] = ()  # options that cannot be rendered, without which the rule would match too much


class Redirect(NamedTuple):
    """`config redirect`: a port forward (dnat) or a source rewrite (snat)."""

    origin: Origin  # of the section
    name: str  # for the comment
    match: Match = EVERYTHING  # src_ip, src_port, src_mac and the conditions that have no direction
    src: str = ""  # zone that packets come from
    dest: str = ""  # zone that packets go to
    target: str = "dnat"  # dnat or snat
    src_dip: Address | NetworkName | None = None  # destination address before dnat; source address after snat
    src_dport: Item | None = None  # destination port before dnat; source port after snat
    dest_ip: Address | NetworkName | None = None  # host that the port forward leads to
    dest_port: Item | None = None  # port of that host
    reflection: bool = True  # hosts inside reach the forward by its outer address
    reflection_src: str = "internal"  # address that they appear from: internal or external
    reflection_zone: tuple[str, ...] = ()  # zones of these hosts; empty: the destination zone
    counter: bool = True  # it counts packets
    log: str = ""  # prefix of log lines; empty: no log
    log_limit: Limit | None = None  # rate of its log lines
    lost: tuple[str, ...] = ()  # options that cannot be rendered, without which it would match too much


class Nat(NamedTuple):
    """`config nat`: source NAT of traffic that leaves through a zone."""

    origin: Origin  # of the section
    name: str  # for the comment
    match: Match = EVERYTHING  # conditions
    src: str = ""  # zone that packets leave through
    device: str = ""  # output device
    target: str = "masquerade"  # snat, masquerade or accept
    snat_ip: Address | NetworkName | None = None  # new source address
    snat_port: Item | None = None  # new source port
    counter: bool = True  # it counts packets
    log: str = ""  # prefix of log lines; empty: no log
    lost: tuple[str, ...] = ()  # options that cannot be rendered, without which it would match too much


class IpSet(NamedTuple):
    """`config ipset` of the firewall: a named set with its entries."""

    origin: Origin  # of the section
    name: str  # of the set
    match: tuple[tuple[str, str], ...]  # (direction, type) of each part of the key
    family: int = 4  # 4 or 6; 0 (any) only if the key has neither addresses nor networks
    maxelem: int = 0  # most elements; 0 for no limit
    timeout: int = -1  # seconds that an element lives; -1 for no timeout
    comment: str = ""  # of the set
    # its entries and those of its loadfile: one value for each part of the key
    elements: tuple[tuple[Address | Item, ...], ...] = ()


class Include(NamedTuple):
    """`config include`: an nft file to include at a position of the ruleset, or a script to run after loading."""

    origin: Origin  # of the section
    path: str  # of the file
    type: str = "script"  # script or nftables
    position: str = "table-append"  # of the file in the ruleset
    chain: str = ""  # for the positions chain-prepend and chain-append


class Helper(NamedTuple):
    """A conntrack helper of the kernel, and the connections that get it.

    It is a `config helper` of the system's list, /usr/share/firewall4/helpers, or if that has none, of
    config/fw4/helpers.py. In /etc/config/firewall such a section has no effect.
    """

    name: str  # of the helper
    description: str = ""  # comment of its rules; empty: the name
    module: str = ""  # kernel module without which it is not used
    family: int = 0  # of the connections: 4, 6, or 0 for both
    proto: str = ""  # their one protocol, by name or number
    port: str = ""  # their destination port, or a range


class FirewallConfig(NamedTuple):
    """The usable sections of the firewall, from ubus (services and netifd) and from /etc/config/firewall.

    Disabled sections are not in it. A rule, redirect or nat is in it without an unreadable address, mark, limit, time
    or the like, and its `lost` names the option.
    """

    defaults: Defaults = Defaults()  # the first section of its type
    zones: tuple[Zone, ...] = ()  # those whose name and conditions could be read, each name once
    forwardings: tuple[Forwarding, ...] = ()  # those of services first
    rules: tuple[Rule, ...] = ()  # those of services first
    redirects: tuple[Redirect, ...] = ()  # those of services first
    nats: tuple[Nat, ...] = ()  # those of services first
    ipsets: tuple[IpSet, ...] = ()  # those of services first
    includes: tuple[Include, ...] = ()  # nft files and scripts of `config include`
    helpers: tuple[Helper, ...] = ()  # of the system's helpers file
    # enabled zones that are not in `zones`, because their name or a condition cannot be read, or the name is in use
    unread_zones: tuple[Zone, ...] = ()


class RouterNetwork(NamedTuple):
    """A netifd network, as far as the firewall's ruleset depends on it."""

    device: str = ""  # the layer 3 device, or if netifd names none, as `physical`; empty: none now
    physical: str = ""  # the device below it, or the same one
    proto: str = ""  # protocol, as in /etc/config/network: dhcp, pppoe
    up: bool = False  # has a connection now: `device` is the one of its packets
    zone: str = ""  # the zone that its protocol handler names; empty: none
    addresses: tuple[Address, ...] = ()  # with their prefixes


class RouterState(NamedTuple):
    """The router's state on which the ruleset depends besides the configuration."""

    networks: Mapping[str, RouterNetwork] = MappingProxyType({})  # of netifd, by name
    modules: frozenset[str] = frozenset()  # loaded or built in
    # each device that exists -> for a bridge or VLAN the devices directly below it, for others ()
    lower: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    includes: tuple[tuple[str, str, str], ...] = ()  # nft files of packages: (position, chain, path)
    files: frozenset[str] | None = None  # paths of include sections that can be read; None: they are not checked
