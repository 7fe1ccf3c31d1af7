"""A wired host at a port of the chip, and one at a port that offloads nothing, with each kind of bridge and wan."""

from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from kernel import chip
from kernel.desk import PLAIN, known, served, settle
from kernel.house import NETWORKS, House, Shape
from kernel.netns import Namespace, cable
from kernel.pppoe import Pppoe
from kernel.radio import Air
from kernel.sides import Ends, Side
from kernel.traffic import Proto, Server, Talk, Target

Other = Callable[[Namespace, Namespace, ExitStack], str]  # lays the other host's port: what its addresses stand on
KINDS: tuple[tuple[int, Proto], ...] = ((4, "tcp"), (6, "udp"))
VLAN = 10


class Two:
    """A bridge with a port of the chip, where the host at the far end of its network is, and another host's port."""

    def __init__(self, other: Other, vlan: int = 0, network: str = "lan") -> None:
        self._other, self._vlan, self._network = other, vlan, network
        self.bridge, self.wired = f"br-{network}", f"{network}1"

    def __call__(self, router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        filtering = " vlan_filtering 1 vlan_default_pvid 0" if self._vlan else ""
        router.ip(f"link add {self.bridge} type bridge{filtering}", f"link set {self.bridge} up")
        chip.cable(router, self.wired, far, "eth0")
        router.ip(f"link set {self.wired} master {self.bridge}")
        self.guest = Namespace(f"{self._network}-other")
        stack.callback(self.guest.delete)
        device = self._other(router, self.guest, stack)
        ipv4, ipv6 = NETWORKS[self._network]
        self.guest.ip(f"addr add {ipv4}.3/24 dev {device}", f"addr add {ipv6}::3/64 dev {device}")
        self.guest.ip(f"route add 0/0 via {ipv4}.1", f"route add ::/0 via {ipv6}::1")
        self.mac = self.guest.mac(device)
        if not self._vlan:
            return Ends(self.bridge)
        for name in ("lan1", PLAIN):
            router.run("bridge", "vlan", "add", "vid", str(self._vlan), "dev", name, "pvid", "untagged")
        router.run("bridge", "vlan", "add", "vid", str(self._vlan), "dev", "br-lan", "self")
        router.ip(f"link add link br-lan name br-lan.{self._vlan} type vlan id {self._vlan}")
        router.ip(f"link set br-lan.{self._vlan} up")
        return Ends(f"br-lan.{self._vlan}")


def plain(router: Namespace, other: Namespace, _: ExitStack) -> str:
    """A cable whose driver offloads nothing."""
    cable(router, PLAIN, other, "eth0")
    router.ip(f"link set {PLAIN} master br-lan")
    return "eth0"


def plain_guest(router: Namespace, other: Namespace, _: ExitStack) -> str:
    """The same for the guests' bridge."""
    cable(router, "ap1", other, "eth0")
    router.ip("link set ap1 master br-guest")
    return "eth0"


def bonded(router: Namespace, other: Namespace, _: ExitStack) -> str:
    """A bond of two cables."""
    for number in range(2):
        cable(router, f"eth{number + 1}", other, f"eth{number}")
    for host, names in ((router, ("eth1", "eth2")), (other, ("eth0", "eth1"))):
        host.ip("link add bond0 type bond mode balance-xor miimon 100")
        host.ip(*(f"link set {name} down" for name in names), *(f"link set {name} master bond0" for name in names))
        host.ip("link set bond0 up")
    router.ip("link set bond0 master br-lan")
    return "bond0"


def wireless(router: Namespace, other: Namespace, stack: ExitStack) -> str:
    """An access point, and a station of it."""
    air = Air(router, other, stack)
    air.join("phy0-ap0")
    return air.device


SIDES: dict[str, tuple[Two, Side, tuple[str, ...]]] = {
    "wifi": (Two(wireless), chip.port("wan"), ("lan1", "wan")),
    "vlan-filtering": (Two(plain, VLAN), chip.port("wan"), ("lan1", "wan")),
    "bond-port": (Two(bonded), chip.port("wan"), ("lan1", "wan")),
    "pppoe-wan": (Two(plain), Pppoe(chip.port("eth1")), ("lan1", "eth1")),
}


@pytest.mark.parametrize("name", SIDES)
def test_both_hosts_are_fast_each_on_its_path(house: House, name: str) -> None:
    lan, wan, engine = SIDES[name]
    with served(house, Shape({"lan": lan, "wan": wan})):
        wired = house.hosts["lan"]
        for host, place, mac in ((wired, "lan1", wired.mac("eth0")), (lan.guest, PLAIN, lan.mac)):
            with closing(Talk(host, house.target("wan"), "udp")) as hello:
                hello.echo(1)
            known(house.router, mac, place)
        for version, proto in KINDS:
            settle(house, house.call("lan", "wan", version, proto), "lan1", engine)
            talk = Talk(lan.guest, house.target("wan", version), proto)
            house.talks.append(talk)
            settle(house, talk, PLAIN, engine)


def test_a_flow_between_two_such_bridges_is_in_hardware_if_both_its_hosts_are_wired(house: House) -> None:
    lan, guest = Two(plain), Two(plain_guest, network="guest")
    engine = ("lan1", "guest1", "wan")
    with served(house, Shape({"lan": lan, "guest": guest, "wan": chip.port("wan")})), ExitStack() as stack:
        stack.callback(Server(guest.guest).close)
        wired, guests = house.hosts["lan"], house.hosts["guest"]
        places = (
            (wired, "lan1", wired.mac("eth0")),
            (lan.guest, PLAIN, lan.mac),
            (guests, "lan1", guests.mac("eth0")),
            (guest.guest, PLAIN, guest.mac),
        )
        for host, place, mac in places:
            with closing(Talk(host, house.target("wan"), "udp")) as hello:
                hello.echo(1)
            known(house.router, mac, place)
        for version, proto in KINDS:
            by_wire = house.target("guest", version)
            by_air = Target(f"{NETWORKS['guest'][version == 6]}{'.' if version == 4 else '::'}3")
            for target, place in ((by_wire, "lan1"), (by_air, PLAIN)):  # who is called is known by the address
                with closing(Talk(wired, target, "udp")) as hello:
                    hello.echo(1)
                known(house.router, f'"br-guest" . {target.address}', place)
            for host, target, place in (
                (wired, by_wire, "lan1"),
                (wired, by_air, PLAIN),
                (lan.guest, by_wire, PLAIN),
                (lan.guest, by_air, PLAIN),
                (guests, house.target("wan", version), "lan1"),
                (guest.guest, house.target("wan", version), PLAIN),
            ):
                talk = Talk(host, target, proto)
                house.talks.append(talk)
                settle(house, talk, place, engine)
