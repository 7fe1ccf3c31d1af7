"""A wired host by the chip beside one at a port that offloads nothing, whatever bridge and wan are made of."""

from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from kernel import chip
from kernel.desk import PLAIN, known, served, settle
from kernel.house import House, Shape
from kernel.netns import Namespace, cable
from kernel.pppoe import Pppoe
from kernel.radio import Air
from kernel.sides import Ends, Side
from kernel.traffic import Proto, Talk

Other = Callable[[Namespace, Namespace, ExitStack], str]  # lays the other host's port: what its addresses stand on
KINDS: tuple[tuple[int, Proto], ...] = ((4, "tcp"), (6, "udp"))
VLAN = 10


class Two:
    """A bridge with a port of the chip, where the host at the far end of lan is, and another host's port."""

    def __init__(self, other: Other, vlan: int = 0) -> None:
        self._other, self._vlan = other, vlan

    def __call__(self, router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        filtering = " vlan_filtering 1 vlan_default_pvid 0" if self._vlan else ""
        router.ip(f"link add br-lan type bridge{filtering}", "link set br-lan up")
        chip.cable(router, "lan1", far, "eth0")
        router.ip("link set lan1 master br-lan")
        self.guest = Namespace("other")
        stack.callback(self.guest.delete)
        device = self._other(router, self.guest, stack)
        self.guest.ip(f"addr add 192.168.1.3/24 dev {device}", f"addr add 2001:db8:1::3/64 dev {device}")
        self.guest.ip("route add 0/0 via 192.168.1.1", "route add ::/0 via 2001:db8:1::1")
        self.mac = self.guest.mac(device)
        if not self._vlan:
            return Ends("br-lan")
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
