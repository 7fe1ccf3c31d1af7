"""Random routers by seed: like real ones, with a few values that are invalid or dangerous.

Every word that a user can write into /etc/config, and every name that a kernel or netifd can report, has a small chance
of being an invalid or dangerous one; the others are as on a real router, so that most of them reach the ruleset.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_interface
from random import Random
from typing import TypeVar

from offload.model.network import Address, Kernel, Lack, Link, Network, Snapshot
from offload.model.sections.section import Section

T = TypeVar("T")
Options = dict[str, str | tuple[str, ...]]

HOSTILE = (
    *("", " ", "'", '"', '\\"', "\n", "\r\n", "\t", "\0", "{", "}", "{ }", "{0}", "%s", ";", "#", "$(reboot)", "`id`"),
    *(
        '" } ; flush ruleset ; "',
        '"\n}\ndelete table inet fw4\n',
        "drop; accept",
        "@pairs",
        "lo",
        "*",
        "+",
        "!",
        "!lan",
    ),
    *("a" * 300, "é", "日本", "\x1b[2J", "\udce9", "-1", "0x", "1e3", "٣", "99999999999999999999", "../../etc/passwd"),
    *("0.0.0.0/0", "::/0", "1.2.3.4/33", "fe80::1%eth0", "10.0.0.1-10.0.0.9", "00:00:00:00:00", "65536", "9-1", "-"),
)
# What else the kernel takes as a device's name: anything but `/`, `:` and white space (dev_valid_name, net/core/dev.c)
ODD_DEVICES = ('x"y', "a{b}", "ünï", "\x1b[31m", "x;y", "a*", "$x", "@a", "x\\", "0", "-", "a" * 15, "define", "\udce9")

WORDS: dict[str, Sequence[str]] = {
    "enabled": ("1", "1", "1", "0", "yes", "no"),
    "mode": ("none",) + ("software",) * 6 + ("hardware",) * 5,
    "family": ("any", "any", "ipv4", "ipv6"),
    "after_packets": ("0", "0", "5", "20", "1000000"),
    "auto_exempt": ("0", "1"),
    "forward": ("ACCEPT", "REJECT", "drop", "acc"),
    "masq": ("0", "1"),
    "rule target": ("ACCEPT", "accept", "REJECT", "DROP", "MARK", "DSCP"),
    "set_mark": ("0x10",),
    "set_dscp": ("EF",),
    "redirect target": ("DNAT", "dnat", "SNAT"),
    "reflection": ("0", "1", "1"),
    "flow_offloading": ("0",) * 19 + ("1",),
    "src_ip": (
        "192.168.1.50",
        "192.168.1.0/24",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "2001:db8::/32",
        "2001:db8::5",
        "0.0.0.0/0",
    ),
    "dest_ip": ("203.0.113.9", "203.0.113.0/24", "203.0.112.0/22", "2001:db8:f::/48", "192.168.1.10", "128.0.0.0/1"),
    "src_mac": ("00:11:22:33:44:55", "AA-BB-CC-DD-EE-FF"),
    "proto": ("tcp", "udp", "tcpudp", "6", "17", "gre", "all", "tcp", "udp"),
    "src_port": ("53", "1024-65535", "1000:2000", "0"),
    "dest_port": ("443", "80", "8000-8080", "1-1024", "65535", "0-65535"),
    "mark": ("1", "0xff00/0xff00", "0x10", "5/0x3", "0/0xff", "0xffffffff"),
    "dscp": ("EF", "CS0", "af41", "46", "0", "63"),
}
WORDS |= {"subnet": (*WORDS["src_ip"], "!10.0.0.0/8")}
LISTS = {"src_ip", "dest_ip", "src_mac", "proto", "src_port", "dest_port", "subnet"}
LISTS |= {"device", "exclude_device", "network"}
MATCHES = ("src_ip", "dest_ip", "src_mac", "proto", "src_port", "dest_port", "mark", "dscp")


@dataclass(frozen=True)
class Router:
    """What the three packages hold, and what the router has."""

    packages: dict[str, tuple[Section, ...]]
    snapshot: Snapshot


def router(seed: int, hostility: float = 0.01) -> Router:
    """The router of this number: the same one every time. `hostility`: the share of words that are the worst ones."""
    random = Random(seed)  # noqa: S311 - a test that repeats, not a secret
    return _Maker(random, random.choice((0.0, hostility, 5 * hostility))).router()


def changes(seed: int, steps: int) -> Iterator[Router]:
    """A router, and what becomes of it in small steps: an offload section or a device goes, or is back."""
    random, whole = Random(seed), router(seed, 0.0)  # noqa: S311 - as above
    yield whole
    for _ in range(steps):
        sections, links = whole.packages["offload"], whole.snapshot.links
        kept = random.sample(sections, max(1, len(sections) - random.randint(0, 2)))
        there = random.sample(links, len(links) - random.randint(0, 1))
        packages = whole.packages | {"offload": tuple(sorted(kept, key=lambda section: section.name))}
        yield Router(packages, replace(whole.snapshot, links=tuple(there)))


class _Maker:
    def __init__(self, random: Random, hostility: float) -> None:
        self.random, self.hostility = random, hostility
        self.zones = random.sample(["lan", "wan", "guest", "iot", "vpn", "_dmz", "a/b"], random.randint(1, 5))
        self.links: dict[str, Link] = {}

    def router(self) -> Router:
        devices = self._devices()
        networks = self._networks(devices)
        packages = {
            "firewall": self._firewall([network.name for network in networks], devices),
            "network": tuple(
                self._section("network", "interface", i, {"proto": network.proto}, network.name)
                for i, network in enumerate(networks)
                if self.chance(0.9)
            ),
            "offload": self._offload(),
        }
        addresses = (ip_interface(f"192.168.{i}.1/24") for i in range(1, 250))
        snapshot = Snapshot(
            links=self._shuffled(self.links.values()),
            networks=self._shuffled(networks),
            addresses=tuple(map(Address, devices, addresses)),
            kernel=self._kernel(),
        )
        return Router(packages, snapshot)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def _some(self, words: Sequence[T], least: int = 0, most: int = 3) -> tuple[T, ...]:
        return tuple(self.random.sample(words, min(len(words), self.random.randint(least, most))))

    def _shuffled(self, items: Iterable[T]) -> tuple[T, ...]:
        listed = list(items)
        return tuple(self.random.sample(listed, len(listed)))

    # the devices

    def _link(self, name: str, **words: object) -> str:
        if self.chance(self.hostility):
            name = self.random.choice(ODD_DEVICES)
        able = words.pop("able", 0.5)
        self.links[name] = Link(name, hw_tc_offload=self.chance(float(str(able))), **words)  # type: ignore[arg-type]
        return name

    def _devices(self) -> list[str]:
        """Make links from the wire up; the names that zones and networks may use."""
        self._link("lo", able=0)
        conduit = self._link("eth0")
        dsa = self.chance(0.5)
        plain = [self._port(f"lan{i}", conduit if dsa else "") for i in range(1, self.random.randint(2, 6))]
        plain += [self._link(f"eth{i}") for i in range(1, self.random.randint(2, 4))]
        plain += [self._link(f"phy{i}-ap0", wireless=True, able=0.1) for i in range(self.random.randint(0, 3))]
        plain += [self._link(f"{name}.{i}", kind="vlan", lower=(name,), able=0.2) for i, name in enumerate(plain[:2])]
        if self.chance(0.3):
            plain.append(self._join("bond0", "bond", plain))
        named = [self._join(name, "bridge", plain) for name in ("br-lan", "br-guest", "docker0")]
        named += [self._link(f"{named[0]}.{vid}", kind="vlan", lower=(named[0],), able=0) for vid in (10, 20)]
        named += [
            self._link(name, kind=name[:-1], able=0) for name in ("wg0", "wg1", "ppp0", "tun0") if self.chance(0.4)
        ]
        return [*named, *plain, "lo", "gone0"]

    def _port(self, name: str, conduit: str) -> str:
        return self._link(name, kind="dsa" if conduit else "", lower=(conduit,) if conduit else ())

    def _join(self, name: str, kind: str, ports: list[str]) -> str:
        master = self._link(name, kind=kind, able=0)
        for port in self._some(ports, 0, 4):
            link = self.links[port]
            self.links[port] = Link(port, link.kind, link.up, master, link.lower, link.wireless, link.hw_tc_offload)
        return master

    def _networks(self, devices: list[str]) -> list[Network]:
        networks = []
        for name in ("lan", "wan", "wan6", "guest", "iot", "vpn", "a_name_longer_than_a_device"):
            proto = self.random.choice(("static", "dhcp", "pppoe", "wireguard"))
            device = self.random.choice(devices)
            l3 = f"pppoe-{name}"[:15] if proto == "pppoe" else device
            if proto == "pppoe" and self.chance(0.9):
                self._link(l3, kind="ppp", able=0)
            up = self.chance(0.85)
            zone = self.random.choice(self.zones) if self.chance(0.1) else ""
            networks.append(Network(self._word(name), up, l3 if up else "", device, proto, zone))
        return list({network.name: network for network in networks}.values())

    def _kernel(self) -> Kernel:
        if self.chance(0.97):
            return Kernel("6.1.0", nft="1.0.6")
        return Kernel("5.10", flowtable=False, missing=(Lack("no flowtables", "kmod-nft-offload"),))

    # the words of the user

    def _word(self, word: str) -> str:
        return self.random.choice(HOSTILE) if self.chance(self.hostility) else word

    def _value(self, option: str, words: Sequence[str]) -> str | tuple[str, ...]:
        """One of the words, or several as a list or in one option; rarely a list where none belongs."""
        many = option in LISTS
        chosen = tuple(map(self._word, self._some(words, 1, 4 if many else 1)))
        as_list = self.chance(0.7 if many else self.hostility)
        return chosen if as_list else " ".join(chosen)

    def _section(self, package: str, kind: str, index: int, options: Options, name: str = "") -> Section:
        if self.chance(self.hostility):
            options[self._word("unheard_of")] = self.random.choice(HOSTILE)
        if options and self.chance(self.hostility):
            del options[self.random.choice(list(options))]
        return Section(package, kind, name or f"cfg{index:06x}", name or f"@{kind}[{index}]", options)

    def _chosen(self, *names: str, share: float = 0.5) -> Options:
        return {name: self._value(name, WORDS[name]) for name in names if self.chance(share)}

    def _wish(self) -> Options:
        return {**self._chosen("mode", share=0.9), **self._chosen("family", "after_packets", share=0.2)}

    def _ends(self, share: float = 1.0) -> Options:
        return {end: self._word(self.random.choice(self.zones)) for end in ("src", "dest") if self.chance(share)}

    def _firewall(self, networks: list[str], devices: list[str]) -> tuple[Section, ...]:
        made: list[tuple[str, Options]] = [("defaults", self._chosen("forward", "flow_offloading"))]
        for zone in self.zones:
            owned: Options = {"network": self._value("network", networks)} if self.chance(0.8) else {}
            if self.chance(0.3):
                owned["device"] = self._value("device", [*devices, "wg+", "!eth1", "+", "eth*"])
            if self.chance(0.1):
                owned["subnet"] = self._value("subnet", WORDS["subnet"])
            made.append(("zone", {"name": self._word(zone), **owned, **self._chosen("forward", "masq")}))
        made += [("forwarding", self._ends()) for _ in range(self.random.randint(0, 6))]
        for kind, own in (("rule", "mark"), ("redirect", "reflection")):
            for _ in range(self.random.randint(0, 2)):
                target = self._value("target", WORDS[f"{kind} target"])
                made.append((kind, self._ends(0.9) | {"target": target} | self._chosen("proto", own)))
                if target in {"MARK", "DSCP"}:
                    made[-1][1].update(self._chosen("set_mark", "set_dscp", share=0.9))
                    made[-1][1].update(self._chosen("src_ip", "src_mac", "src_port", "dest_port", "dscp", share=0.3))
                if self.chance(0.7):
                    made[-1][1]["dest_ip"] = self._word(self.random.choice(WORDS["dest_ip"]))
        return tuple(self._section("firewall", kind, i, options) for i, (kind, options) in enumerate(made))

    def _offload(self) -> tuple[Section, ...]:
        common = self._wish() | self._chosen("enabled", share=0.1)
        for option in ("device", "exclude_device"):
            if self.chance(0.2):
                common[option] = self._value(option, list(self.links))
        made: list[tuple[str, Options]] = [("globals", common)]
        made += [("zone", {"name": self._word(zone), **self._wish()}) for zone in self._some(self.zones, 0, 5)]
        made += [("pair", self._ends() | self._chosen("mode", share=1)) for _ in range(self.random.randint(0, 2))]
        for i in range(self.random.randint(0, 5)):
            match = self._chosen(*MATCHES, share=0.35)
            if {"src_port", "dest_port"} & set(match):
                match["proto"] = self.random.choice(("tcp", "udp", ("tcp", "udp")))
            made.append(("exempt", {"name": self._word(f"exempt {i}")} | self._ends(0.3) | match))
        return tuple(self._section("offload", kind, i, options) for i, (kind, options) in enumerate(made))
