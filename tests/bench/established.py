"""UDP flows through the router that are established at both ends, for the packet generator to send."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from kernel.netns import Namespace

PORT = 9009
TRIES = 5  # packets to open a connection
# Connections of a flow: two in one bucket of the flowtable's hash, whose seed is random, are a comparison more for each
# packet, 0.2 us. Of 64 tuples in 128 buckets a quarter have it, always about as many.
CONNECTIONS = 32
FIRST = count(20_000, CONNECTIONS)  # ports for the next flow, of connections that the router does not know
# Seconds that connections and flows last: where the machine waits for its disk, its clock runs ahead by minutes, and a
# packet of a connection that has ended takes another way.
LASTING = 500_000
STATE = ("conntrack -L", "ip neigh", "ip -s link", "nft list ruleset")  # of a router that forwards nothing, for the log


@dataclass(frozen=True)
class End:
    """One end of a cable: a host and its device."""

    host: Namespace
    device: str


@dataclass(frozen=True)
class Flow:
    """UDP packets as one host sends them to `address` by the neighbour's MAC, from and to these ports in turn.

    `workers`: workqueues of the kernel do a part of the work, another one each time, so that the time of their threads
    counts, too, and the packets come APART.
    """

    sender: End
    source: str
    sports: range
    address: str
    dports: range
    mac: str
    workers: bool = False


def establish(router: Namespace, near: End, far: End, address: str, near_mac: str, far_mac: str) -> tuple[Flow, Flow]:
    """Open a flow of CONNECTIONS from near to `address` on far; it comes back as both of its directions.

    Three packets each way: the second of the opener is the first that can be offloaded.
    """
    _keep_state(router)
    with far.host.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((address, PORT))
    with server:
        server.settimeout(5)
        first = next(FIRST)
        ports = range(first, first + CONNECTIONS)
        try:
            ends = {_opened(near, server, address, port) for port in ports}
        except AssertionError:
            for command in STATE:
                print(f"{command}:\n{router.run(*command.split())}", flush=True)
            raise
    _keep_neighbours(router)
    ((source, target),) = ends
    there = range(PORT, PORT + 1)
    return Flow(near, source, ports, address, there, near_mac), Flow(far, address, there, target, ports, far_mac)


def _opened(near: End, server: socket.socket, address: str, port: int) -> tuple[str, str]:
    """The opener's address, as itself and as the server sees it, with the same port."""
    with near.host.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.bind(("", port))
        client.connect((address, PORT))
    with client:
        client.settimeout(5)
        for _ in range(3):
            target, seen = _both_ways(client, server)
        assert seen == port, f"the server sees port {seen} of {port}"
        return client.getsockname()[0], target


def _both_ways(client: socket.socket, server: socket.socket) -> tuple[str, int]:
    """Send a packet each way, again if none comes, for the clock may run ahead of it; gives where the first is from."""
    for _ in range(TRIES):
        passed = False
        with suppress(TimeoutError):
            client.send(b"?")
            seen: tuple[str, int] = server.recvfrom(16)[1]
            passed = True
            server.sendto(b"!", seen)
            client.recv(16)
            return seen
    raise AssertionError(f"of {TRIES} packets none comes back, the last one {'passed' if passed else 'did not pass'}")


def fast(router: Namespace) -> bool:
    """Whether the flow that `establish` opened last, and no other, is in a flowtable of software or hardware."""
    listed = router.run("conntrack", "-L", "-p", "udp", "--orig-port-dst", str(PORT)).splitlines()
    return len(listed) == CONNECTIONS and all("OFFLOAD]" in each for each in listed)


def _keep_state(router: Namespace) -> None:
    kept = {f"net/netfilter/nf_conntrack_udp_timeout{kind}": 2 * LASTING for kind in ("", "_stream")}
    router.sysctl({**kept, "net/netfilter/nf_flowtable_udp_timeout": LASTING})


def _keep_neighbours(router: Namespace) -> None:
    """Keep the addresses of neighbours: the kernel takes a longer way to one that it may have to ask for again."""
    known = [each for each in json.loads(router.run("ip", "-j", "neigh", "show")) if "lladdr" in each]
    router.ip(
        *(f"neigh replace {each['dst']} lladdr {each['lladdr']} dev {each['dev']} nud permanent" for each in known)
    )
