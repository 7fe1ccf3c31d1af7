"""The user's configuration: /etc/config/{firewall,network,offload} as typed values."""

import re
from collections.abc import Mapping
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

from offload.model.log import LogLevel
from offload.model.sections.exempts import Exempt
from offload.nouns import dataclass, field

UNNAMED = re.compile(r"cfg[0-9a-f]{6,}")  # libuci's name for a section without one: number and hash (list.c)


class Mode(Enum):
    """The fastest path that packets between two zones may take: slow (NONE), software or hardware.

    `<` means slower: NONE < SOFTWARE < HARDWARE.
    """

    NONE = "none"
    SOFTWARE = "software"
    HARDWARE = "hardware"

    def __lt__(self, other: "Mode") -> bool:
        order = list(Mode)
        return order.index(self) < order.index(other)


class Family(Enum):
    """Address families: ANY (both), IPV4, IPV6, NEITHER. `a & b` is the part that both have in common.

    The value is the word of UCI, except that of NEITHER.
    """

    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    NEITHER = "neither"  # the result if one zone wants ipv4 and the other ipv6; not a value of the option

    def __and__(self, other: "Family") -> "Family":
        if self is other or other is Family.ANY:
            return self
        return other if self is Family.ANY else Family.NEITHER

    def has(self, other: "Family") -> bool:
        """Whether `other` is this family or a part of it.

        NEITHER is a part of each family, IPV4 and IPV6 are parts of ANY.
        """
        return self & other is other


class Policy(Enum):
    """What happens to forwarded packets that no section permits: ACCEPT, REJECT or DROP, as in option `forward`."""

    ACCEPT = "accept"
    REJECT = "reject"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Zone:
    """`config zone` of the firewall; `devices` may hold shell-like wildcards (`wg*`, from UCI's `wg+`)."""

    name: str  # option `name`
    section: str  # id of the section, as uci prints it
    networks: tuple[str, ...] = ()  # option `network` without `!x`, `+`, `*`; also names that netifd does not know
    devices: tuple[str, ...] = ()  # names or wildcards of option `device`, without `!x` and `+`
    # the zone is narrowed to these addresses, or to an unknown part of them: with a value in option `subnet` that is no
    # plain network (`!`, a range, a name) they are all addresses. Empty: the option is absent
    subnets: tuple[IPv4Network | IPv6Network, ...] = ()
    inverted: bool = False  # a network or device is excluded (`!x`), or all are meant (`+`, `*`)
    family: Family = Family.ANY  # option `family`
    masq: bool = False  # it masquerades IPv4 or IPv6; port forwards are reflected only for such a zone
    forward: Policy = Policy.DROP  # policy between devices of the zone; without the option that of `config defaults`


@dataclass(frozen=True, slots=True)
class Permission:
    """Two zones between which a forwarding, an accepting rule or a port forward accepts at least some traffic.

    `src`, `dest`: name of a zone, or `*` for every zone. Empty `dest`: the zone in which `dest_ip` is. `dest_ip` is an
    address, or the name of a netifd network, which means the router's addresses in that network. Empty `src`: the same
    zone as `dest`. `section`: its id in uci (`@rule[2]`).
    """

    src: str
    dest: str
    section: str
    dest_ip: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """`config interface` of /etc/config/network, a netifd network.

    `device` and `proto` are empty if the option is missing or a list.
    """

    name: str
    device: str = ""
    proto: str = ""


HARDWARE_RETRY = 6  # hours until hardware is requested again for what it did not take


@dataclass(frozen=True, slots=True)
class Globals:
    """All `config globals` sections of /etc/config/offload, merged into one.

    `after_packets` and `family` are None if the option has a fault. `mode` is None if any option has a fault or is
    unknown, except log_level, hardware_retry and cut_refused.
    """

    section: str = "globals"  # id of the first such section, for Problems
    enabled: bool = True  # False: offload is switched off, or the option has only invalid values
    mode: Mode | None = Mode.NONE  # of pairs without a `config pair`, if neither zone has a mode
    after_packets: int | None = 0  # packets before a connection is offloaded; for zones without this option
    family: Family | None = Family.ANY  # that is offloaded; for zones without this option
    devices: tuple[str, ...] = ()  # more devices for the software flowtable, and for that of hardware if it takes them
    exclude_devices: tuple[str, ...] = ()  # in no flowtable
    auto_exempt: bool = True  # traffic of rules that must see every packet (that mark, limit, ...) stays slow
    auto_software: bool = True  # flows over a device with a shaper get software in place of hardware
    cut_refused: bool = False  # end connections that changed rules refuse
    log_level: LogLevel = LogLevel.INFO  # of the system log
    hardware_retry: int = HARDWARE_RETRY  # hours until hardware is requested again for what it did not take
    # a valid option `taken` is there and no valid `version`: 0.1.0 wrote the file
    old_rule: bool = False


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """The enabled `config zone` sections of /etc/config/offload for one zone, merged.

    Of several values the slower counts. If `family` or `after_packets` is None, the value of `config globals` counts.
    If `mode` is None, that of the other zone of a pair counts, or if that is None too, the one of `config globals`.
    """

    name: str  # of the zone
    section: str  # id of the first such section, for Problems
    mode: Mode | None = None  # option `mode`
    family: Family | None = None  # option `family`
    after_packets: int | None = None  # packets before a connection is offloaded
    faulty: bool = False  # an option is invalid or unknown, so the zone stays slow


@dataclass(frozen=True, slots=True)
class PairChoice:
    """The `config pair` sections of /etc/config/offload with the same `src` and `dest` that have an effect, merged.

    `*` is every zone. A section has no effect if it is disabled, names a zone that is not in use, lacks `src` or
    `dest`, or has a fault beside a `*`. A fault of option `enabled` or `exclude_device` of `config globals` gives a
    faulty PairChoice with `*` and `*`.
    """

    src: str  # zone that connections come from, or `*`
    dest: str  # zone that connections lead to, or `*`
    section: str  # id of the first such section, or of the first faulty one, for Problems
    mode: Mode  # the slowest `mode` of these sections; of no meaning if `faulty`
    faulty: bool = False  # an option is invalid or unknown, so every pair that the choice `means` stays slow

    @property
    def stars(self) -> int:
        """The number of `*` in `src` and `dest`: 0, 1 or 2."""
        return (self.src, self.dest).count("*")

    def means(self, src: str, dest: str) -> bool:
        """Whether `src` and `dest` are the zones of this choice, where `*` in the choice is every zone."""
        return self.src in {src, "*"} and self.dest in {dest, "*"}


@dataclass(frozen=True, slots=True)
class MarkRule:
    """A firewall rule that must see every packet of a flow, with the exempts (conditions) that keep its traffic slow.

    It is a `config rule` that sets a mark or DSCP, or a rule in nft of any program that marks, limits, counts, ...
    """

    name: str  # of the rule, for sentences; of a live rule its comment, which may be empty
    section: str  # id of the section; for a live rule the same text as `place`
    exempts: tuple[Exempt, ...]  # conditions of the traffic that must stay slow
    # (value, mask) of the mark that it sets; None for DSCP, for a rule in nft, and if the bits that it sets are unknown
    sets: tuple[int, int] | None = None
    family: Family = Family.ANY  # of the rule; ANY for every live rule: the addresses of its exempts have the family
    place: str = ""  # chain and table of a rule in nft; empty for one of /etc/config/firewall
    does: str = "marks"  # verb for sentences: marks, limits, ...


@dataclass(frozen=True, slots=True)
class Config:
    """The validated configuration of /etc/config/firewall, network and offload.

    A section with a fault is not in it, is in it without the faulty value, or is in it marked `faulty`.
    """

    zones: tuple[Zone, ...] = ()  # of the firewall, in the order of the file; without disabled or ignored ones
    permissions: tuple[Permission, ...] = ()  # forwardings, accepting rules and port forwards
    interfaces: tuple[Interface, ...] = ()  # of /etc/config/network
    fw4_offloads: bool = False  # option `flow_offloading` of `config defaults`
    forward: Policy = Policy.DROP  # of `config defaults`: for traffic between zones that no section permits
    globals: Globals = field(default_factory=Globals)  # all `config globals` sections, read as one
    zone_choices: tuple[ZoneChoice, ...] = ()  # by `config zone`, at most one for each zone, also faulty ones
    # by `config pair`, one for each (src, dest); before them `* > *` for each globals with a fault that concerns all
    pair_choices: tuple[PairChoice, ...] = ()
    exempts: tuple[Exempt, ...] = ()  # by `config exempt`, also faulty ones; without those that have no effect
    # rules of /etc/config/firewall; the compiler appends those in nft (live rules). None of either with auto_exempt 0
    mark_rules: tuple[MarkRule, ...] = ()
    # (name, options) of rules that drop or reject, by options that a conntrack entry does not show or that are faulty
    unread: tuple[tuple[str, tuple[str, ...]], ...] = ()
    # False: a file that exists could not be read or parsed as a whole: do not change the kernel by this Config
    readable: bool = True
    titles: Mapping[str, str] = field(default_factory=dict)  # of the sections of /etc/config/offload, by their id

    def title(self, section: str, kind: str = "section") -> str:
        """Type and name of the section of /etc/config/offload with this id, for a sentence: `exempt 'PlayStation'`.

        If there is no such section: `kind` and the id.
        """
        return self.titles.get(section, f"{kind} {section}")
