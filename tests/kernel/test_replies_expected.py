"""Connections that a conntrack helper expected need a reply of their own too.

Behind a masquerade the helper translates them as they are made, so chains of type nat never see their first packet.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from kernel.forbidden import apply, permit
from kernel.house import House, Shape
from kernel.netns import Namespace
from kernel.sides import bridge, port

CLIENT, SERVER, PUBLIC = "192.168.1.2", "203.0.113.2", "203.0.113.1"
ASKING, DATA, TFTP = 5555, 6900, 69
READ = b"\0\1file\0octet\0"  # RFC 1350: a request to read; the answer comes from a port of its own
SMALL, LARGE = 50, 1000
ROUNDS = 40
WITNESSED = 10  # connections whose ids conntrack(8) is asked for
HELPER = """table inet helpers {
	ct helper tftp { type "tftp" protocol udp; }
	chain prerouting { type filter hook prerouting priority filter; udp dport 69 ct helper set "tftp"; }
}"""
DROP_LARGE = 'insert rule inet fw4 forward iifname "br-lan" meta length > 500 drop comment "dropped"'


@pytest.fixture(scope="module", name="built")
def _built(house: House) -> Iterator[House]:
    with house.shaped(Shape({"lan": bridge(port("lan1")), "wan": port("wan")})):
        for module in ("nf_conntrack_tftp", "nf_nat_tftp"):
            house.router.run("modprobe", module)
        apply(house)
        house.router.nft(HELPER)
        yield house
        house.router.nft("delete table inet helpers")


def test_an_expected_connection_that_is_cut_and_opened_again_needs_a_reply_of_its_own(built: House) -> None:
    """The server opens it; what the client answers is the reply. Large ones are dropped."""
    built.router.nft(DROP_LARGE)
    ids, through, small = list[str](), 0, 0
    with ExitStack() as stack:
        client, server, data = (
            stack.enter_context(_bound(built.hosts[host], address, number))
            for host, address, number in (("lan", CLIENT, ASKING), ("wan", SERVER, TFTP), ("wan", SERVER, DATA))
        )
        for number, size in enumerate((SMALL, LARGE) * ROUNDS):
            client.sendto(READ, (SERVER, TFTP))
            server.recvfrom(2048)
            data.sendto(bytes(SMALL), (PUBLIC, ASKING))
            client.recvfrom(2048)
            if number < WITNESSED:
                ids.append(_identity(built))
            for _ in range(4):
                client.sendto(bytes(size), (SERVER, DATA))
                time.sleep(0.01)
                data.sendto(bytes(SMALL), (PUBLIC, ASKING))
                with suppress(TimeoutError):
                    client.recvfrom(2048)
            heard = list(_heard(data))
            small, through = small + heard.count(SMALL), through + heard.count(LARGE)
            built.router.run("conntrack", "-D", "-p", "udp", "--orig-port-src", str(DATA))
    permit(built)
    assert small == 4 * ROUNDS
    assert set(ids[::2]) & set(ids[1::2]), "no id came again, so this has shown nothing"
    assert through == 0


def _bound(host: Namespace, address: str, number: int) -> socket.socket:
    with host.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, number))
    made.settimeout(0.1)
    return made


def _heard(data: socket.socket) -> Iterator[int]:
    """The sizes of the datagrams that wait."""
    with suppress(TimeoutError):
        while True:
            yield len(data.recv(2048))


def _identity(lab: House) -> str:
    listing = lab.router.run("conntrack", "-L", "-p", "udp", "--orig-port-src", str(DATA), "-o", "id")
    return listing.partition(" id=")[2].split()[0]
