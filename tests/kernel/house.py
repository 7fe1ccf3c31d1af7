"""A router with any sides (networks), the configuration that its user would write, a firewall, and hosts that answer.

Every network has the same plan, whatever carries it: the router is .1 and ::1, the host at its far end .2 and ::2.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from kernel.evidence import Evidence, Sighting
from kernel.inside import NETIFD
from kernel.lab import Router
from kernel.netns import Namespace
from kernel.sides import Ends, Side, named
from kernel.traffic import PORT, Proto, Server, Talk, Target
from offload.service.main import STATION_FILE

NETWORKS = {
    "lan": ("192.168.1", "2001:db8:1"),
    "iot": ("192.168.2", "2001:db8:2"),
    "guest": ("192.168.3", "2001:db8:3"),
    "work": ("192.168.4", "2001:db8:4"),
    "docker": ("172.17.0", "2001:db8:17"),
    "vpn": ("10.7.0", "2001:db8:7"),
    "wan": ("203.0.113", "2001:db8:ff"),
    "wan2": ("198.51.100", "2001:db8:fe"),
}
OUTSIDE = ("wan", "wan2")
LINKWATCH = 1.1  # seconds until the kernel has handled a change of carrier

ZONE = """
config zone
	option name '{name}'
	list {kind} '{member}'
	option input '{policy}'
	option output 'ACCEPT'
	option forward '{policy}'
	option masq '{masq}'
"""
FORWARDING = "\nconfig forwarding\n\toption src '{src}'\n\toption dest '{dest}'\n"
CALLABLE = """
config redirect
	option name 'Camera'
	option src 'wan'
	option dest 'lan'
	option proto 'tcp udp'
	option src_dport '8080'
	option dest_ip '192.168.1.2'
	option dest_port '7007'
	option target 'DNAT'

config rule
	option name 'Camera by IPv6'
	option src 'wan'
	option dest 'lan'
	option family 'ipv6'
	option proto 'tcp udp'
	option dest_port '7007'
	option target 'ACCEPT'
"""
INTERFACE = "\nconfig interface '{name}'\n\toption device '{device}'\n\toption proto '{proto}'\n"
OFFLOAD = "config globals 'globals'\n\toption mode 'software'\n"

# What fw4 makes of it, in fw4's shape.
FIREWALL = """
table inet fw4 {{
	chain input {{
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
		ct state vmap {{ established : accept, related : accept }}
		iifname {{ {inside} }} accept
		meta l4proto {{ icmp, icmpv6 }} accept
		udp dport 51820 accept
		meta l4proto tcp reject with tcp reset
		reject with icmpx type port-unreachable
	}}
	chain forward {{
		type filter hook forward priority filter; policy drop;
		ct state vmap {{ established : accept, related : accept }}
		iifname {{ {inside} }} accept
		ct status dnat accept
		meta nfproto ipv6 th dport {port} accept
		meta l4proto tcp reject with tcp reset
		reject with icmpx type port-unreachable
	}}
	chain mangle_forward {{
		type filter hook forward priority mangle; policy accept;
		oifname {{ {outside} }} tcp flags & (fin | syn | rst) == syn tcp option maxseg size set rt mtu
		iifname {{ {outside} }} tcp flags & (fin | syn | rst) == syn tcp option maxseg size set rt mtu
	}}
	chain dstnat {{
		type nat hook prerouting priority dstnat; policy accept;
		iifname {{ {outside} }} meta nfproto ipv4 tcp dport 8080 dnat ip to 192.168.1.2:{port}
		iifname {{ {outside} }} meta nfproto ipv4 udp dport 8080 dnat ip to 192.168.1.2:{port}
	}}
	chain srcnat {{
		type nat hook postrouting priority srcnat; policy accept;
		oifname {{ {outside} }} meta nfproto {masqueraded} masquerade
	}}
}}
"""

# Of a host: counts the UDP packets of conversations that reach it.
COUNTED = """
table inet counted {
	counter hits { }
	chain input {
		type filter hook input priority 0;
		udp dport 7007 counter name "hits"
	}
}
"""


@dataclass(frozen=True)
class Shape:
    """A router's sides by network, the zones that are not called as their network, and who calls whom."""

    sides: Mapping[str, Side]
    zones: Mapping[str, str] = field(default_factory=dict)
    nat66: bool = False

    def zone(self, network: str) -> str:
        """The zone of a network."""
        return self.zones.get(network, network)


@dataclass
class House:
    """A router that has a shape for a while, and the hosts at the far ends of its networks."""

    router: Router
    evidence: Evidence
    hosts: dict[str, Namespace] = field(default_factory=dict)
    ends: dict[str, Ends] = field(default_factory=dict)
    talks: list[Talk] = field(default_factory=list)

    def target(self, network: str, version: int = 4) -> Target:
        """The host at the far end of a network."""
        return Target(_address(network, 2, version))

    @property
    def camera(self) -> Target:
        """The port forward to the LAN's host, for who calls from wan."""
        return Target(_address("wan", 1, 4), port=8080, behind=_address("lan", 2, 4))

    def call(self, src: str, dest: str, version: int = 4, proto: Proto = "tcp") -> Talk:
        """Open a conversation of one network's host with another's, and let it settle."""
        forwarded = src in OUTSIDE and version == 4
        talk = Talk(self.hosts[src], self.camera if forwarded else self.target(dest, version), proto)
        self.talks.append(talk)
        talk.echo(10)
        return talk

    def watch(self, talks: list[Talk], count: int = 60) -> list[Sighting]:
        """Let each conversation exchange so many messages, and see what became of the packets.

        A second time where the first saw flows sent back once: the kernel handles a change of carrier up to a second
        after it (net/core/link_watch.c), and then looks up all routes anew, so devices just made disturb once.
        """
        for _ in range(2):
            with self.evidence.watch_all(talks) as sightings:
                for talk in talks:
                    talk.echo(count)
            if not any(sighting.sent_back_once() for sighting in sightings):
                break
            time.sleep(LINKWATCH)
        return sightings

    def listed(self) -> list[str]:
        """The devices of the flowtable, as the kernel has them."""
        text = self.router.run("nft", "list", "flowtables", "inet")
        return sorted(name.strip('" ') for name in text.partition("devices = {")[2].partition("}")[0].split(","))

    @contextmanager
    def shaped(self, shape: Shape) -> Iterator["House"]:
        """Build the sides, write the configuration, load the firewall; take all of it away afterwards."""
        with ExitStack() as stack:
            for left in (self.hosts, self.ends, self.talks):
                stack.callback(left.clear)
            stack.callback(self._clear)
            STATION_FILE.unlink(missing_ok=True)  # this router has not seen the stations of the one before
            for network, side in shape.sides.items():
                self._build(network, side, stack)
            self._configure(shape)
            yield self

    def _build(self, network: str, side: Side, stack: ExitStack) -> None:
        far = self.hosts[network] = Namespace(named(network))
        stack.callback(far.delete)
        ends = self.ends[network] = side(self.router, far, stack)
        if ends.proto != "pppoe":
            for host, device, number in ((self.router, ends.l3, 1), (far, ends.far, 2)):
                addresses = (_address(network, number, 4) + "/24", _address(network, number, 6) + "/64")
                host.ip(*(f"addr add {each} dev {device}" for each in addresses))
            far.ip(*(f"route add {every} via {_address(network, 1, v)}" for every, v in (("0/0", 4), ("::/0", 6))))
        stack.callback(Server(far).close)

    def _configure(self, shape: Shape) -> None:
        known = {network: ends for network, ends in self.ends.items() if ends.proto}
        networks = {
            network: {
                "interface": network,
                "up": True,
                "l3_device": ends.l3,
                "device": ends.parent or ends.l3,
                "proto": ends.proto,
                "data": {},
            }
            for network, ends in known.items()
        }
        (self.router.replies / NETIFD).write_text(json.dumps({"interface": list(networks.values())}))
        self._write("firewall", _firewall(shape, self.ends))
        self._write("offload", OFFLOAD)
        self._write(
            "network",
            "".join(
                INTERFACE.format(name=network, device=ends.parent or ends.l3, proto=ends.proto)
                for network, ends in known.items()
            ),
        )
        quoted = {
            side: ", ".join(
                f'"{device}"'
                for name, ends in self.ends.items()
                if (name in OUTSIDE) == (side == "outside")
                for device in dict.fromkeys((ends.l3, *([ends.vrf] if ends.vrf and side == "inside" else [])))
            )
            for side in ("inside", "outside")
        }
        masqueraded = "{ ipv4, ipv6 }" if shape.nat66 else "ipv4"
        self.router.nft(FIREWALL.format(port=PORT, masqueraded=masqueraded, **quoted))

    def _write(self, package: str, text: str) -> None:
        (self.router.config / package).write_text(text)

    def _clear(self) -> None:
        """Leave the router as it was: without devices of its own, without rules but the evidence's."""
        for talk in self.talks:
            talk.close()
        ours = ("fw4", "flow_offload", "flow_offload_hw")
        self.router.nft("".join(f"table inet {name}\ndelete table inet {name}\n" for name in ours))
        for kind in ("bridge", "bond", "vrf", "wireguard", "veth", "engine"):  # VLANs go with what they stand on
            listed = self.router.run("ip", "-o", "link", "show", "type", kind).splitlines()
            self.router.ip(*(f"link del {re.split('[:@]', line)[1].strip()}" for line in listed))
        self.router.run("conntrack", "-F")


def _firewall(shape: Shape, ends: Mapping[str, Ends]) -> str:
    text, zones = "config defaults\n\toption forward 'REJECT'\n", []
    for network, each in ends.items():
        zone, outside = shape.zone(network), network in OUTSIDE
        if zone in zones:
            text = text.replace(f"option name '{zone}'\n", f"option name '{zone}'\n\tlist network '{network}'\n")
            continue
        zones.append(zone)
        kind, member = ("network", network) if each.proto else ("device", each.l3)
        policy = "REJECT" if outside else "ACCEPT"
        text += ZONE.format(name=zone, kind=kind, member=member, policy=policy, masq=int(outside))
    inside = [zone for zone in zones if zone not in OUTSIDE]
    text += "".join(FORWARDING.format(src=src, dest=dest) for src in inside for dest in zones if src != dest)
    return text + (CALLABLE if {"lan", "wan"} <= set(zones) else "")


def _address(network: str, number: int, version: int) -> str:
    four, six = NETWORKS[network]
    return f"{four}.{number}" if version == 4 else f"{six}::{number}"


@contextmanager
def house() -> Iterator[House]:
    """A router without a shape, with the product ready to run on it."""
    router = Router("house")
    try:
        with router.running():
            yield House(router, Evidence(router))
    finally:
        router.delete()
