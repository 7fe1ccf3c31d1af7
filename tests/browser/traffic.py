"""Connections of the small router of service/routers.py, as many as wanted, on every path; the same ones every time."""

from ipaddress import ip_address

from offload.model.flow import (
    IPS_ASSURED,
    IPS_HW_OFFLOAD,
    IPS_OFFLOAD,
    IPS_SEEN_REPLY,
    IPS_SRC_NAT,
    Entry,
    State,
    Tuple,
)

TCP, UDP = 6, 17
ESTABLISHED = 3  # enum tcp_conntrack, include/uapi/linux/netfilter/nf_conntrack_tcp.h
WAN = "203.0.113.7"
KNOWN = IPS_SEEN_REPLY | IPS_ASSURED | IPS_SRC_NAT
# Of ten connections one is in hardware and six in software; the other three are the guests', who are slow.
SOFTWARE, HARDWARE = IPS_OFFLOAD, IPS_OFFLOAD | IPS_HW_OFFLOAD
PATHS = (0, SOFTWARE, SOFTWARE, 0, SOFTWARE, HARDWARE, SOFTWARE, 0, SOFTWARE, SOFTWARE)


def entries(count: int, *, seconds: float = 0) -> list[Entry]:
    """`count` connections, of which number n has moved n kB, and n kB more in every one of `seconds`."""
    return [entry(number, round(1000 * number * (1 + seconds))) for number in range(1, count + 1)]


def stations(count: int) -> list[tuple[str, bool]]:
    """The hosts of the LAN that open `count` connections, by address, and whether theirs are in hardware."""
    opened = entries(count)
    return [
        (str(ip_address(each.original.src)), each.state is State.HARDWARE)
        for each in opened
        if each.status & IPS_OFFLOAD
    ]


def entry(number: int, moved: int) -> Entry:
    """Connection `number`, which has moved so many bytes."""
    path = PATHS[number % len(PATHS)]
    station = f"192.168.{1 if path else 2}.{10 + number % 200}"
    proto, port = (UDP, 443) if number % 4 == 0 else (TCP, 443)
    server, sport = f"198.51.100.{number % 250 + 1}", 20000 + number
    packets = moved // 1000 + 1
    return Entry(
        proto=proto,
        original=ends(station, server, sport, port),
        reply=ends(server, WAN, port, sport),
        status=KNOWN | path,
        timeout=None if path else 300,
        mark=0,
        packets=(packets, packets),
        bytes=(moved // 10, moved - moved // 10),
        tcp_state=ESTABLISHED if proto == TCP and not path else None,
        helper=None,
    )


def ends(src: str, dst: str, sport: int, dport: int) -> Tuple:
    """One direction, of addresses as people write them."""
    return Tuple(ip_address(src).packed, ip_address(dst).packed, sport, dport)
