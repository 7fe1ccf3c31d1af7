"""Every target and every kind of NAT of the compiled firewall, seen on the wire: UDP packets of both families.

Who is asked answers with the address and the DSCP value that it saw. A refusal is an ICMP error, and silence a drop.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from kernel.lab import Home, Router
from kernel.netns import Namespace
from kernel.test_firewall import Lab

PATIENCE = 2.0  # seconds until silence is a drop
DSCP = 0x28  # AF11 in the byte of the header
SEEN = """
table inet seen {
	chain marked {
		type filter hook forward priority 10;
		meta mark 0x10 counter comment "marked"
	}
	chain untracked {
		type filter hook input priority 10;
		udp dport 1007 ct state untracked counter comment "untracked"
	}
}
"""
RULES = """
config rule
	option name '{name}'
	{zones}
	option proto 'udp'
	option dest_port '{port}'
	option target '{target}'
	{more}
"""
FROM_WAN, TO_LAN, TO_WAN = "option src 'wan'", "option src 'wan'\n\toption dest 'lan'", "option dest 'wan'"
LAN_TO_WAN = "option src 'lan'\n\toption dest 'wan'"
SECTIONS = "".join(
    RULES.format(name=f"{target} {port}", zones=zones, port=port, target=target, more=more)
    for zones, port, target, more in (
        (FROM_WAN, 1001, "ACCEPT", ""),
        (FROM_WAN, 1002, "REJECT", ""),
        (FROM_WAN, 1003, "DROP", ""),
        (FROM_WAN, 1004, "ACCEPT", "option limit '1/hour'\n\toption limit_burst '1'"),
        (FROM_WAN, 1005, "ACCEPT", "option src_ip '!203.0.113.0/24'\n\toption family 'ipv4'"),
        (FROM_WAN, 1006, "ACCEPT", "option enabled '0'"),
        (FROM_WAN, 1007, "ACCEPT", ""),
        (FROM_WAN, 1007, "NOTRACK", ""),
        ("option src '*'", 1008, "ACCEPT", ""),
        (TO_LAN, 2001, "ACCEPT", ""),
        (TO_LAN, 2002, "REJECT", ""),
        (TO_LAN, 2003, "DROP", ""),
        (LAN_TO_WAN, 2004, "REJECT", ""),
        (LAN_TO_WAN, 2005, "DROP", ""),
        (LAN_TO_WAN, 2006, "MARK", "option set_mark '0x10'"),
        (LAN_TO_WAN, 2007, "DSCP", "option set_dscp 'AF11'"),
        (TO_WAN, 3001, "REJECT", ""),
        (TO_WAN, 3002, "DROP", ""),
    )
)
NEIGHBOURS = "".join(  # as every configuration has it: without them there is no IPv6
    f"config rule\n\toption src '{zone}'\n\toption family 'ipv6'\n\toption proto 'icmp'\n\toption target 'ACCEPT'\n"
    for zone in ("wan", "guest")
)
NAT = """
config redirect
	option name 'Forward'
	option src 'wan'
	option dest 'lan'
	option proto 'udp'
	option src_dport '4001'
	option dest_ip '192.168.1.2'
	option dest_port '2999'

config redirect
	option name 'Forward6'
	option src 'wan'
	option dest 'lan'
	option proto 'udp'
	option family 'ipv6'
	option src_dip '2001:db8:ff::2'
	option src_dport '4001'
	option dest_ip '2001:db8:1::2'
	option dest_port '2999'

config redirect
	option name 'Redirect'
	option src 'wan'
	option proto 'udp'
	option family 'any'
	option src_dport '4002'
	option dest_port '1999'

config redirect
	option name 'Snat'
	option target 'SNAT'
	option src 'lan'
	option dest 'wan'
	option proto 'udp'
	option src_dip '203.0.113.70'
	option dest_port '4003'

config nat
	option name 'To an address'
	option src 'wan'
	option proto 'udp'
	option dest_port '4004'
	option target 'SNAT'
	option snat_ip '203.0.113.71'

config nat
	option name 'Untranslated'
	option src 'wan'
	option proto 'udp'
	option dest_port '4005'
	option target 'ACCEPT'

config nat
	option name 'Masquerade6'
	option src 'wan'
	option family 'ipv6'
	option proto 'udp'
	option dest_port '4006'
	option target 'MASQUERADE'
"""
ROUTER = {4: "203.0.113.2", 6: "2001:db8:ff::2"}
SERVER = {4: "203.0.113.1", 6: "2001:db8:ff::1"}
CLIENT = {4: "192.168.1.2", 6: "2001:db8:1::2"}
KINDS = {4: socket.AF_INET, 6: socket.AF_INET6}


class Echo:
    """Answers on a host's port, of both families, with what it saw: the caller's address, and the DSCP value."""

    def __init__(self, host: Namespace, port: int) -> None:
        self._over = False
        self._sockets, self._threads = [], []
        for family, kind in KINDS.items():
            with host.entered():
                listening = socket.socket(kind, socket.SOCK_DGRAM)
            if family == 6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
            else:
                listening.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            listening.settimeout(0.1)
            listening.bind(("", port))
            thread = threading.Thread(target=self._answer, args=(listening,))
            thread.start()
            self._sockets.append(listening)
            self._threads.append(thread)

    def _answer(self, listening: socket.socket) -> None:
        while not self._over:
            with suppress(TimeoutError, ConnectionRefusedError):
                _, ancillary, _, who = listening.recvmsg(64, 64)
                dscp = ancillary[0][2][0] if ancillary else 0
                listening.sendto(json.dumps([who[0], dscp]).encode(), who)

    def close(self) -> None:
        """Stop answering."""
        self._over = True
        for thread, listening in zip(self._threads, self._sockets, strict=True):
            thread.join()
            listening.close()


def ask(host: Namespace, address: str, port: int) -> tuple[str, int]:
    """The address that the other side saw, and the DSCP value; `reject`, `drop` or `stopped` without an answer."""
    with host.entered():
        caller = socket.socket(KINDS[6 if ":" in address else 4], socket.SOCK_DGRAM)
    with caller:
        caller.settimeout(PATIENCE)
        caller.connect((address, port))
        try:
            caller.send(b"?")
            who, dscp = json.loads(caller.recv(64))
        except PermissionError:  # the router's own packet did not leave
            return "stopped", 0
        except ConnectionRefusedError:
            return "reject", 0
        except TimeoutError:
            return "drop", 0
        return str(who), int(dscp)


def counted(router: Router, what: str) -> int:
    """The packets that a rule of table `seen` has counted."""
    found = re.search(
        rf'counter packets (\d+) bytes \d+ comment "{what}"', router.run("nft", "list", "table", "inet", "seen")
    )
    assert found
    return int(found[1])


@pytest.fixture(name="wire", scope="module")
def _wire(network: Home) -> Iterator[Home]:
    """The network, whose router has these rules; every host answers on the ports that are asked."""
    router = network.router
    router.reset()
    router.append("firewall", NEIGHBOURS + SECTIONS + NAT)
    Lab(router).start()
    router.nft(SEEN)
    network.server.ip("route add 192.168.1.0/24 via 203.0.113.2")
    router.ip("addr add 203.0.113.70/32 dev wan", "addr add 203.0.113.71/32 dev wan")
    with ExitStack() as stack:
        for host, ports in (
            (router, (*range(1001, 1009), 1999)),
            (network.client, (*range(2001, 2004), 2999)),
            (network.server, (*range(2004, 2009), *range(3001, 3004), *range(4003, 4008))),
        ):
            for port in ports:
                stack.callback(Echo(host, port).close)
        time.sleep(0.1)
        yield network
    router.nft("delete table inet seen")
    router.ip("addr del 203.0.113.70/32 dev wan", "addr del 203.0.113.71/32 dev wan")
    network.server.ip("route del 192.168.1.0/24")
    router.nft("delete table inet fw4")
    router.reset()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("port", "seen"),
    [
        (1001, ""),
        (1002, "reject"),
        (1003, "drop"),
        (1005, "reject"),
        (1006, "reject"),
        (1007, ""),
        (1008, ""),
        (99, "reject"),
    ],
)
def test_what_comes_in_from_the_internet(wire: Home, family: int, port: int, seen: str) -> None:
    assert ask(wire.server, ROUTER[family], port)[0] == (seen or SERVER[family])


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("port", "seen"), [(2001, ""), (2002, "reject"), (2003, "drop"), (2999, "reject")])
def test_what_is_forwarded_from_the_internet(wire: Home, family: int, port: int, seen: str) -> None:
    assert ask(wire.server, CLIENT[family], port)[0] == (seen or SERVER[family])


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("port", "seen"), [(2004, "reject"), (2005, "drop"), (2323, "drop"), (2008, "")])
def test_what_is_forwarded_to_the_internet(wire: Home, family: int, port: int, seen: str) -> None:
    sender = {4: ROUTER[4], 6: CLIENT[6]}[family]  # only IPv4 is masqueraded
    assert ask(wire.client, SERVER[family], port)[0] == (seen or sender)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("port", "seen"), [(3001, "stopped"), (3002, "stopped"), (3003, "")])
def test_what_the_router_sends(wire: Home, family: int, port: int, seen: str) -> None:
    assert ask(wire.router, SERVER[family], port)[0] == (seen or ROUTER[family])


@pytest.mark.parametrize("family", [4, 6])
def test_the_lan_reaches_the_router_and_the_guests_do_not(wire: Home, family: int) -> None:
    lan, guest = {4: ("192.168.1.1", "192.168.3.1"), 6: ("2001:db8:1::1", "2001:db8:3::1")}[family]
    assert ask(wire.client, lan, 1003)[0] == CLIENT[family]
    assert ask(wire.guest, guest, 1003)[0] == "reject"
    assert ask(wire.guest, guest, 1008)[0] not in {"reject", "drop"}  # from every zone


def test_a_limit_ends_what_it_accepts(wire: Home) -> None:
    assert [ask(wire.server, ROUTER[4], 1004)[0] for _ in range(2)] == [SERVER[4], "reject"]


@pytest.mark.parametrize("family", [4, 6])
def test_marks_dscp_and_packets_without_a_connection(wire: Home, family: int) -> None:
    before = counted(wire.router, "marked"), counted(wire.router, "untracked")
    assert ask(wire.client, SERVER[family], 2006)[0] not in {"reject", "drop"}
    assert counted(wire.router, "marked") == before[0] + 1
    assert ask(wire.client, SERVER[family], 2007)[1] == DSCP
    assert ask(wire.client, SERVER[family], 2008)[1] == 0
    ask(wire.server, ROUTER[family], 1007)
    assert counted(wire.router, "untracked") == before[1] + 1


@pytest.mark.parametrize("family", [4, 6])
def test_port_forwards_and_redirects(wire: Home, family: int) -> None:
    assert ask(wire.server, ROUTER[family], 4001)[0] == SERVER[family]  # the client's port 2999, else refused
    assert ask(wire.server, ROUTER[family], 4002)[0] == SERVER[family]  # the router's port 1999, else refused
    assert ask(wire.server, ROUTER[family], 1999)[0] == "reject"


def test_a_port_forward_is_reflected_to_the_lan(wire: Home) -> None:
    assert ask(wire.laptop, ROUTER[4], 4001)[0] == "192.168.1.1"  # the answer must come back through the router


@pytest.mark.parametrize(
    ("family", "port", "seen"),
    [
        (4, 4003, "203.0.113.70"),
        (4, 4004, "203.0.113.71"),
        (4, 4005, CLIENT[4]),
        (4, 4007, ROUTER[4]),
        (6, 4006, ROUTER[6]),
        (6, 4007, CLIENT[6]),
    ],
)
def test_whose_address_the_internet_sees(wire: Home, family: int, port: int, seen: str) -> None:
    assert ask(wire.client, SERVER[family], port)[0] == seen
