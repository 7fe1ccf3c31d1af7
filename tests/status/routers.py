"""A small router, and connections through it, for tests of replies."""

from ipaddress import ip_address, ip_interface, ip_network

from offload.model.config import Family, Mode
from offload.model.flow import IPS_SEEN_REPLY, Entry, Tuple
from offload.model.network import Address, Route, Snapshot
from offload.model.plan import PairDecision, Plan, ZoneDecision
from offload.model.problems.reason import Reason


def addresses(**devices: str) -> tuple[Address, ...]:
    """Addresses per device, blank separated: br_lan="192.168.1.1/24 fd00:1::1/64"."""
    return tuple(Address(_device(name), ip_interface(one)) for name, text in devices.items() for one in text.split())


def route(target: str, *devices: str, metric: int = 0) -> Route:
    return Route(ip_network(target), devices, metric)


def zone(name: str, *devices: str, mode: Mode = Mode.SOFTWARE, reasons: tuple[Reason, ...] = ()) -> ZoneDecision:
    return ZoneDecision(name, mode, mode, devices, reasons)


def pair(
    src: str,
    dest: str,
    mode: Mode = Mode.SOFTWARE,
    *reasons: Reason,
    asked: Mode | None = None,
    family: Family = Family.ANY,
    after: int = 0,
) -> PairDecision:
    return PairDecision(src, dest, asked or mode, mode, family, after, reasons)


def entry(
    original: str,
    reply: str = "",
    *,
    proto: int = 17,
    status: int = IPS_SEEN_REPLY,
    packets: tuple[int, int] | None = (10, 10),
    octets: tuple[int, int] | None = (1000, 500),
    tcp_state: int | None = None,
    helper: str | None = None,
) -> Entry:
    """A connection as "src > dst" or "src#sport > dst#dport"; the reply is its mirror unless NAT says otherwise."""
    there = _tuple(original)
    back = _tuple(reply) if reply else Tuple(there.dst, there.src, there.dport, there.sport)
    return Entry(proto, there, back, status, 30, 0, packets, octets, tcp_state, helper)


def packed(address: str) -> bytes:
    return ip_address(address).packed


def _device(name: str) -> str:
    return name.replace("_", "-")


def _tuple(text: str) -> Tuple:
    (src, sport), (dst, dport) = (_end(part) for part in text.split(" > "))
    return Tuple(src, dst, sport, dport)


def _end(text: str) -> tuple[bytes, int]:
    address, _, port = text.partition("#")
    return packed(address), int(port or 0)


# lan and guest behind a router with one wan; IPv6 is routed, IPv4 masqueraded.
HOME = Snapshot(
    addresses=addresses(
        lo="127.0.0.1/8 ::1/128",
        br_lan="192.168.1.1/24 fd00:1::1/64 fe80::1/64",
        br_guest="192.168.2.1/24 fd00:2::1/64",
        wan="203.0.113.7/24 2001:db8:2::7/64",
    ),
    routes=(
        route("0.0.0.0/0", "wan"),
        route("192.168.1.0/24", "br-lan"),
        route("192.168.2.0/24", "br-guest"),
        route("203.0.113.0/24", "wan"),
        route("::/0", "wan", metric=512),
        route("fd00:1::/64", "br-lan", metric=256),
        route("fd00:2::/64", "br-guest", metric=256),
        route("2001:db8:2::/64", "wan", metric=256),
    ),
)
ZONES = (zone("lan", "br-lan"), zone("guest", "br-guest"), zone("wan", "wan"))


def plan(*pairs: PairDecision, zones: tuple[ZoneDecision, ...] = ZONES) -> Plan:
    return Plan(zones=zones, pairs=pairs)
