"""Stations and neighbours of a real bridge, which the kernel of the machine below may refuse to a namespace."""

from kernel.netns import Namespace
from offload.system.netlink.route.links import Netlink

# A bridge refuses dynamic entries (EPERM, fdb_add_entry() in net/bridge/br_fdb.c) until the port forwards, and the
# kernel handles a new carrier up to a second late (net/core/link_watch.c).
COMMANDS = """
ip link add br0 type bridge
ip link add p1 type veth peer name h1
ip link set p1 master br0
for each in br0 p1 h1; do ip link set $each up; done
until bridge link show dev p1 | grep -q "state forwarding"; do sleep 0.01; done
bridge fdb add 02:00:00:00:00:aa dev p1 master dynamic
bridge fdb add 02:00:00:00:00:bb dev p1 master static
bridge fdb add 02:00:00:00:00:cc dev h1 self
ip address add 10.0.0.1/24 dev br0
ip neighbour add 10.0.0.2 dev br0 lladdr 02:00:00:00:00:dd nud reachable
ip -6 neighbour add fd00::2 dev br0 lladdr 02:00:00:00:00:ee nud stale
ip neighbour add 10.0.0.3 dev br0 lladdr 02:00:00:00:00:ff nud noarp
"""
OURS = "02:00:00:00:00:"  # the ends of the cable have addresses of their own, which the bridge may have learned


def test_a_real_bridge_and_its_neighbours() -> None:
    router = Namespace("router")
    try:
        router.run("sh", "-exc", COMMANDS)
        with router.entered():
            scene = Netlink().scene()
    finally:
        router.delete()
    # without a VLAN the bridge stores an entry for each VLAN of the port too, here 1
    stations = {(each.mac, each.port, each.vlan) for each in scene.stations if each.mac.startswith(OURS)}
    assert stations == {(f"{OURS}{end}", "p1", vlan) for end in ("aa", "bb") for vlan in (0, 1)}
    neighbours = {(each.address, each.device, each.mac) for each in scene.neighbours}
    assert {each for each in neighbours if each[2].startswith(OURS)} == {
        ("10.0.0.2", "br0", f"{OURS}dd"),
        ("fd00::2", "br0", f"{OURS}ee"),
    }
