"""A test network like a house's: a router that the product runs on, two stations, a guest and a server in the internet.

      client --- lan1                     client  192.168.1.2  2001:db8:1::2
      laptop --- lan2  br-lan             laptop  192.168.1.3  2001:db8:1::3
(no carrier) --- lan3   router -- wan --- server  203.0.113.1  2001:db8:ff::1
       guest --- guest1  br-guest         guest   192.168.3.2  2001:db8:3::2
"""

import json
import re
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ubusd
from uci import Uci

from kernel.evidence import Evidence
from kernel.netns import Namespace, cable
from kernel.product import Product
from kernel.traffic import Server, Target

HOME = Path(__file__).parent / "home"
NETLINK_NETFILTER = 12  # the module socket does not name it
GET_GENERATION = (10 << 8) | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN

MEMORY = re.compile(r"(\n\tset replied\d \{[^}]*?)\n\t\telements = \{[^}]*\}")

Join = Callable[[Namespace, str, Namespace, str], None]  # lays a cable: a host and its device, twice


class Router(Namespace):
    """A host with an /etc/config and a netifd of its own, made from a folder like `home`.

    `ip netns exec` puts /etc/netns/NAME/config over /etc/config, so the product finds there what a user would write.
    """

    def __init__(self, name: str, folder: Path = HOME) -> None:
        super().__init__(name)
        self._folder = folder
        self.socket = Path("/run", f"{name}.ubus")
        self.config = Path("/etc/netns", name, "config")
        self.replies = Path("/run", f"{name}.replies")
        self.reset()
        self.sysctl({"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1, "net/netfilter/nf_conntrack_acct": 1})

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep netifd's answers reachable on ubus, and the product ready."""
        self.product = Product(self.name, self.socket)  # it gets warm meanwhile
        self.start_broker()
        try:
            yield
        finally:
            self.stop_broker()
        self.product.close()

    def start_broker(self) -> None:
        """Run a ubusd that also answers for netifd."""
        self.broker = subprocess.Popen([sys.executable, ubusd.__file__, str(self.socket), str(self.replies)])
        ubusd.wait_for(self.socket, self.broker)

    def stop_broker(self) -> None:
        """Kill the ubusd; its clients get no message."""
        self.broker.kill()
        self.broker.wait()
        self.socket.unlink()

    def reset(self) -> None:
        """Put the folder's configuration and netifd's answers back."""
        # The product's process has the directory mounted: its files may be replaced, the directory itself may not.
        shutil.copytree(self._folder / "config", self.config, dirs_exist_ok=True)
        shutil.copytree(self._folder / "ubus", self.replies, dirs_exist_ok=True)

    def uci(self, package: str, section: str, option: str, value: str) -> None:
        """`uci set PACKAGE.SECTION.OPTION=VALUE` and `uci commit PACKAGE`."""
        tree = Uci(confdir=str(self.config))
        tree.set(package, section, option, value)
        tree.commit(package)

    def write(self, package: str, text: str) -> None:
        """Write a whole file of /etc/config."""
        (self.config / package).write_text(text)

    def append(self, package: str, text: str) -> None:
        """Add sections to a file of /etc/config, as with an editor."""
        with (self.config / package).open("a") as file:
            file.write(text)

    def offload(self, *arguments: str, codes: tuple[int, ...] = (0,), path: str = "") -> str:
        """Run the product on this router; `path` goes before PATH. What it printed is the answer."""
        done = self.product.run(*arguments, path=path)
        assert done.code in codes, f"offload {' '.join(arguments)}: {done.code} {done.out}{done.err}"
        return done.out

    def status(self) -> dict[str, Any]:
        """`offload status --json`."""
        answer: dict[str, Any] = json.loads(self.offload("status", "--json"))
        return answer

    def flows(self) -> list[dict[str, Any]]:
        """The flows of `offload flows --json`."""
        answer: list[dict[str, Any]] = json.loads(self.offload("flows", "--json"))["flows"]
        return answer

    def table(self, name: str = "flow_offload") -> str:
        """The text of one of our tables as the kernel has it, handles included; empty where it is not there.

        Without what packets write into it: the connections whose replies were accepted.
        """
        ruleset = self.run("nft", "-a", "list", "ruleset")
        _, found, rest = ruleset.partition(f"table inet {name} {{")
        return MEMORY.sub(r"\1", found + rest.partition("\n}\n")[0])

    def generation(self) -> int:
        """The number of nft transactions so far: every one of them, and nothing else, changes it."""
        with self.entered():
            netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        with netlink:
            netlink.send(struct.pack("=IHHII4x", 20, GET_GENERATION, 1, 1, 0))
            # nlmsghdr, nfgenmsg, and the first attribute, NFTA_GEN_ID
            return int(struct.unpack_from("!I", netlink.recv(256), 16 + 4 + 4)[0])


@dataclass
class Home:
    """The network above, with its firewall loaded and servers on the hosts that are called."""

    router: Router
    client: Namespace
    laptop: Namespace
    guest: Namespace
    server: Namespace
    evidence: Evidence

    internet4 = Target("203.0.113.1")
    internet6 = Target("2001:db8:ff::1")
    camera = Target("203.0.113.2", port=8080, behind="192.168.1.2")  # the port forward, for who calls from outside

    def host(self, name: str) -> Namespace:
        """The host of that name, for tests with the name as parameter."""
        found: Namespace = getattr(self, name)
        return found


@contextmanager
def home(join: Join = cable) -> Iterator[Home]:
    """Build the network on cables that `join` lays, and take it away afterwards."""
    with ExitStack() as stack:

        def host(name: str) -> Namespace:
            made = Namespace(name)
            stack.callback(made.delete)
            return made

        router = Router("router")
        stack.callback(router.delete)
        stack.enter_context(router.running())
        client, laptop, guest, server = map(host, ("client", "laptop", "guest", "server"))
        _lay_cables(join, router, client, laptop, guest, server)
        router.nft((HOME / "firewall.nft").read_text())
        for answering in (client, server):
            stack.callback(Server(answering).close)
        yield Home(router, client, laptop, guest, server, Evidence(router))


def _lay_cables(join: Join, router: Router, *hosts: Namespace) -> None:
    client, laptop, guest, server = hosts
    router.ip("link add br-lan type bridge", "link add br-guest type bridge")
    stations = ((client, "lan1", "br-lan", 1, 2), (laptop, "lan2", "br-lan", 1, 3), (guest, "guest1", "br-guest", 3, 2))
    for host, port, bridge, network, number in stations:
        join(router, port, host, "eth0")
        router.ip(f"link set {port} master {bridge}")
        host.ip(
            f"addr add 192.168.{network}.{number}/24 dev eth0",
            f"addr add 2001:db8:{network}::{number}/64 dev eth0",
            f"route add default via 192.168.{network}.1",
            f"route add ::/0 via 2001:db8:{network}::1",
        )
    join(router, "lan3", server, "unused")
    server.ip("link set unused down")
    join(router, "wan", server, "eth0")
    router.ip(
        "link set lan3 master br-lan",
        *(f"link set {bridge} up" for bridge in ("br-lan", "br-guest")),
        "addr add 192.168.1.1/24 dev br-lan",
        "addr add 2001:db8:1::1/64 dev br-lan",
        "addr add 192.168.3.1/24 dev br-guest",
        "addr add 2001:db8:3::1/64 dev br-guest",
        "addr add 203.0.113.2/24 dev wan",
        "addr add 2001:db8:ff::2/64 dev wan",
        "route add default via 203.0.113.1",
        "route add ::/0 via 2001:db8:ff::1",
    )
    server.ip(
        "addr add 203.0.113.1/24 dev eth0",
        "addr add 2001:db8:ff::1/64 dev eth0",
        "route add 2001:db8:1::/64 via 2001:db8:ff::2",
        "route add 2001:db8:3::/64 via 2001:db8:ff::2",
    )
