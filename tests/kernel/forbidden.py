"""A firewall that drops replies, at different places, and two attacks that try to get them through by offload.

One uses UDP replies that conntrack has seen and the firewall dropped; the other a client that acknowledges TCP segments
which it has not received.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kernel.forgery import ACK, PSH, SYN, Forger, Segment, silent
from kernel.house import House
from kernel.inside import applied, decided, observed
from kernel.traffic import MOST_UDP, PORT, Talk

ROUNDS = 20
CLOSED = 7008  # where no kernel answers a SYN by itself
REPLIES = f'iifname "wan" oifname "br-lan" meta l4proto {{ tcp, udp }} th sport {{ {PORT}, {CLOSED} }} drop'
ON_PORT = f"meta l4proto {{ tcp, udp }} th sport {{ {PORT}, {CLOSED} }} drop"
BLOCKER = """table {family} blocker {{
	chain forward {{
		type filter hook {hook} priority {priority};
		{rule}
	}}
}}
"""


def blocker(priority: int, *families: str, hook: str = "forward", rule: str = REPLIES) -> str:
    """A table of its own, as another package or a user would load it."""
    return "".join(BLOCKER.format(family=each, hook=hook, priority=priority, rule=rule) for each in families)


# Behind our chain: this traffic stays slow, or out of hardware.
BEHIND = {
    "last-priority": (blocker(2**31 - 1, "inet"), ("inet",)),
    "postrouting": (blocker(0, "inet", hook="postrouting"), ("inet",)),
    "postrouting-last": (blocker(1500, "ip", "ip6", hook="postrouting"), ("ip", "ip6")),
    "bridge-output": (blocker(0, "bridge", hook="output", rule=ON_PORT), ("bridge",)),
    "bridge-postrouting": (blocker(0, "bridge", hook="postrouting", rule=ON_PORT), ("bridge",)),
    "egress": (blocker(0, "netdev", hook='egress device "lan1"', rule=ON_PORT), ("netdev",)),
}
# Where the rule that drops is: the text to load, and the families of the table to delete afterwards.
PLACES = {
    "fw4": (f'insert rule inet fw4 forward {REPLIES} comment "dropped"', ()),
    "another-table": (blocker(-1, "inet"), ("inet",)),
    "behind-ours": (blocker(500, "inet"), ("inet",)),
    "at-our-priority": (blocker(10, "inet"), ("inet",)),
    "behind-ours-of-one-family": (blocker(200, "ip", "ip6"), ("ip", "ip6")),
    "far-behind-ours": (blocker(2000, "inet"), ("inet",)),
    **BEHIND,
}


@contextmanager
def dropping(lab: House, place: str) -> Iterator[None]:
    """The firewall drops replies at this place, and the product has seen it."""
    text, families = PLACES[place]
    lab.router.nft(text)
    try:
        apply(lab)
        yield
    finally:
        for family in families:
            lab.router.nft(f"delete table {family} blocker")
        permit(lab)
        apply(lab)


def permit(lab: House) -> None:
    """Take the drops out of the firewall."""
    for handle in re.findall(r'comment "dropped" # handle (\d+)', lab.router.run("nft", "-a", "list", "ruleset")):
        lab.router.nft(f"delete rule inet fw4 forward handle {handle}")
    lab.router.run("conntrack", "-F")


def apply(lab: House) -> None:
    applied(lab.router, decided(lab.router, observed(lab.router)))


def answered(talk: Talk, count: int = ROUNDS, size: int = 100, pause: float = 0.2) -> int:
    """Send datagrams and count the echoes that come back, the last of them within `pause` seconds."""
    for _ in range(count):
        talk.say(1, size)
        time.sleep(pause / 10)
    time.sleep(pause)
    found, patience = 0, talk._socket.gettimeout()
    talk._socket.setblocking(False)
    with suppress(BlockingIOError):
        while talk._socket.recv(MOST_UDP):
            found += 1
    talk._socket.settimeout(patience)
    return found


def forged(lab: House) -> int:
    """Bytes that reach a client which acknowledges a SYN-ACK whether it heard it or not."""
    client, server = lab.hosts["lan"], lab.hosts["wan"]
    near, far, public = ("192.168.1.2", 40123), ("203.0.113.2", CLOSED), ("203.0.113.1", 40123)
    with (
        silent(client, server),
        Forger(client, near, far) as caller,
        Forger(server, far, public) as called,
    ):
        caller.send(Segment(1000, 0, SYN))
        caller.received()
        called.send(Segment(5000, 1001, SYN | ACK))
        caller.received()
        for _ in range(3):
            caller.send(Segment(1001, 5001, ACK))
        caller.received()
        for number in range(ROUNDS):
            called.send(Segment(5001 + 100 * number, 1001, ACK | PSH, 100))
        return caller.received()
