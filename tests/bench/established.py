"""UDP flows through the router that are established at both ends, for the packet generator to send."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, replace

from kernel.netns import Namespace

PORT = 9009
TRIES = 5  # packets to open a flow
# Connections of a flow, of which each run takes the next: one in some thirty is in a bucket of the flowtable's hash
# with another, by a random seed, and a comparison more for each packet is 0.2 us.
CONNECTIONS = 3
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
    """A UDP flow as one host sends it, established if it has one port, to `address` and `dport` by the neighbour's MAC.

    `ports`: so many source ports in turn, from `sport`, each a connection of its own. `others`: source and destination
    ports of further established connections that are alike. `workers`: workqueues of the kernel do a part of the work,
    another one each time, so that the time of their threads counts, too, and the packets come APART.
    """

    sender: End
    source: str
    sport: int
    address: str
    dport: int
    mac: str
    ports: int = 1
    others: tuple[tuple[int, int], ...] = ()
    workers: bool = False

    def connections(self) -> tuple["Flow", ...]:
        """The same over each of its connections."""
        return self, *(replace(self, sport=sport, dport=dport) for sport, dport in self.others)


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
        try:
            opened = [_opened(near, server, address) for _ in range(CONNECTIONS)]
        except AssertionError:
            for command in STATE:
                print(f"{command}:\n{router.run(*command.split())}", flush=True)
            raise
    _keep_neighbours(router)
    (source, sport), (target, dport) = opened[0]
    forth = Flow(near, source, sport, address, PORT, near_mac, others=tuple((ours[1], PORT) for ours, _ in opened[1:]))
    return forth, Flow(far, address, PORT, target, dport, far_mac, others=tuple((PORT, to[1]) for _, to in opened[1:]))


def _opened(near: End, server: socket.socket, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Address and port of the opener, as itself and as the server sees them."""
    with near.host.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((address, PORT))
    with client:
        client.settimeout(5)
        for _ in range(3):
            seen = _both_ways(client, server)
        return client.getsockname(), seen


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
