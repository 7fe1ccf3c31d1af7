"""The sides of a router: each connects one of its networks by devices of the kernel (VLAN, bridge, bond, tunnel).

A side makes the devices between the router and the host at the far end of the network, and gives the network's devices
and protocol (Ends). It sets no addresses, unless the protocol brings them.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from kernel.netns import Namespace, cable


@dataclass(frozen=True)
class Ends:
    """What a network stands on: its l3 device, the far end's device, and what netifd calls `proto` and `device`.

    Without a protocol netifd knows nothing of the network, and its zone names the device.
    """

    l3: str
    far: str = "eth0"
    proto: str = "static"
    parent: str = ""
    vrf: str = ""


def named(network: str) -> str:
    """The namespace of the host at the far end of a network; another test's network of the same name may be there."""
    return f"{network}-far"


Side = Callable[[Namespace, Namespace, ExitStack], Ends]  # router, far host, and what to undo at the end


def port(name: str) -> Side:
    """A cable and nothing else."""

    def lay(router: Namespace, far: Namespace, _: ExitStack) -> Ends:
        cable(router, name, far, "eth0")
        return Ends(name)

    return lay


def vlan(beneath: Side, number: int) -> Side:
    """A tagged VLAN on another side: `eth1.7`, as many providers want it."""

    def lay(router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        ends = beneath(router, far, stack)
        return Ends(_tag(router, ends.l3, number), _tag(far, ends.far, number))

    return lay


def bond(*names: str) -> Side:
    """Several cables that are one device on both hosts."""

    def lay(router: Namespace, far: Namespace, _: ExitStack) -> Ends:
        for number, name in enumerate(names):
            cable(router, name, far, f"eth{number}")
        _join(router, "bond0", *names)
        _join(far, "bond0", *(f"eth{number}" for number in range(len(names))))
        return Ends("bond0", far="bond0")

    return lay


def bridge(*beneath: Side, name: str = "br-lan") -> Side:
    """A bridge with other sides as its ports; the far end of the first one is the host's."""

    def lay(router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        router.ip(f"link add {name} type bridge", f"link set {name} up")
        ends = [side(router, far, stack) for side in beneath]
        router.ip(*(f"link set {each.l3} master {name}" for each in ends))
        far.sysctl({"net/ipv4/conf/all/arp_ignore": 1})  # or the others would answer for the first one's address
        return Ends(name, ends[0].far)

    return lay


def filtering(name: str, number: int, tagged: bool = False) -> Side:
    """One VLAN of a bridge that filters them, `br-lan.10`, with one port of it."""

    def lay(router: Namespace, far: Namespace, _: ExitStack) -> Ends:
        if not router.run("ip", "-br", "link", "show", "type", "bridge"):
            router.ip("link add br-lan type bridge vlan_filtering 1 vlan_default_pvid 0", "link set br-lan up")
        cable(router, name, far, "eth0")
        router.ip(f"link set {name} master br-lan")
        router.run("bridge", "vlan", "add", "vid", str(number), "dev", name, *([] if tagged else ["pvid", "untagged"]))
        router.run("bridge", "vlan", "add", "vid", str(number), "dev", "br-lan", "self")
        return Ends(_tag(router, "br-lan", number), _tag(far, "eth0", number) if tagged else "eth0")

    return lay


def container(router: Namespace, far: Namespace, _: ExitStack) -> Ends:
    """What docker makes: a bridge that netifd does not know, with a veth into the container."""
    router.ip("link add docker0 type bridge", "link set docker0 up")
    cable(router, "veth1a2b3c4", far, "eth0")
    router.ip("link set veth1a2b3c4 master docker0")
    return Ends("docker0", proto="")


def vrf(beneath: Side) -> Side:
    """A side in the VRF that all such sides of a router share."""

    def lay(router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        if not router.run("ip", "-br", "link", "show", "type", "vrf"):
            router.ip("link add vrf0 type vrf table 10", "link set vrf0 up")
        ends = beneath(router, far, stack)
        router.ip(f"link set {ends.l3} master vrf0")
        return replace(ends, vrf="vrf0")

    return lay


def wireguard(carrier: str) -> Side:
    """A WireGuard tunnel to a host that is reached through the host at the far end of network `carrier`."""

    def lay(router: Namespace, far: Namespace, _: ExitStack) -> Ends:
        # made there and taken away, the device keeps sending through the host where it was made
        outside = named(carrier)
        router.run("ip", "-n", outside, "link", "add", "wg0", "type", "wireguard")
        router.run("ip", "-n", outside, "link", "set", "wg0", "netns", far.name)
        router.ip("link add wg0 type wireguard")
        keys = [_with_key(host) for host in (router, far)]
        router.run("wg", "set", "wg0", "listen-port", "51820", "peer", keys[1], "allowed-ips", "0.0.0.0/0,::/0")
        far.run("wg", "set", "wg0", "peer", keys[0], "endpoint", "203.0.113.1:51820", "allowed-ips", "0.0.0.0/0,::/0")
        far.run("wg", "set", "wg0", "peer", keys[0], "persistent-keepalive", "1")
        return Ends("wg0", far="wg0", proto="wireguard")

    return lay


def sixinfour(carrier: str) -> Side:
    """IPv6 in IPv4 to a host that is reached through the host at the far end of network `carrier`."""

    def lay(router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        outside = named(carrier)  # where the far device's own packets leave, wherever it goes itself
        sit = "link add {} type sit local 203.0.113.{} remote 203.0.113.{}"
        router.run("ip", "-n", outside, *sit.format("sit1", 2, 1).split())
        router.run("ip", "-n", outside, "link", "set", "sit1", "netns", far.name)
        router.ip(sit.format("6in4-vpn", 1, 2), "link set 6in4-vpn up")
        stack.callback(router.ip, "link del 6in4-vpn")
        far.ip("link set sit1 up")
        return Ends("6in4-vpn", far="sit1", proto="6in4")

    return lay


def _with_key(host: Namespace) -> str:
    """Give the host's tunnel a new key, and tell its public one."""
    private = host.run("wg", "genkey")
    host.run("wg", "set", "wg0", "private-key", "/dev/stdin", text=private)
    host.ip("link set wg0 up")
    return host.run("wg", "pubkey", text=private).strip()


def _tag(host: Namespace, device: str, number: int) -> str:
    name = f"{device}.{number}"
    host.ip(f"link add link {device} name {name} type vlan id {number}", f"link set {name} up")
    return name


def _join(host: Namespace, name: str, *members: str) -> None:
    # balance-xor listens on every member; with active-backup the two ends could choose different cables
    host.ip(f"link add {name} type bond mode balance-xor miimon 100")
    for member in members:
        host.ip(f"link set {member} down", f"link set {member} master {name}")
    host.ip(f"link set {name} up")
