"""How long the service takes to read 10,000 rules of other programs and to judge them, the first time.

Most of them compare addresses, ports or devices and decide, as those of a large firewall do; every seventh treats
packets, or looks up a set. A second row has 10,000 that drop by a named set, each of which may be a ban, and a third as
many that accept by one, behind which another rule may drop what leaves the set. The goal is 0.3 s on a machine where
bare Python takes 12 ms, as in all goals in seconds: so bare Python is the peer.
"""

from collections.abc import Callable

from bench.python import NAME, bare
from bench.rows import Figure, against, milliseconds
from kernel.netns import Namespace
from offload.service.read_snapshot import ForeignRules
from offload.system.nft.door import Nft
from offload.system.nft.nfnetlink.rules import _expression

COUNT = 10_000
FEW = 70  # rules, of which the first look imports what the others need too
GOAL = 25.0  # times bare Python
AT_ONCE = 5_000  # rules in a transaction
TABLE = """
table inet foreign {
	set banned { type ipv4_addr; flags interval; elements = { 198.51.0.0/16 } }
	set allowed { type ipv4_addr; flags timeout; }
	chain forward { type filter hook forward priority -1; policy accept; }
}
"""
DECIDING = (
    "ip saddr {address} counter drop",
    'iifname "eth1" tcp dport {{ {port}, 80 }} accept',
    "ip saddr {address} tcp dport {port} counter accept",
    'ip saddr {address} counter drop comment "rule {number}"',
)
OTHERS = (
    'ip saddr {address} limit rate 5/second log prefix "rule {number}" drop',
    "ip saddr {address} ip dscp set ef",
    "ip daddr {address} meta mark set {number}",
    "ip daddr @allowed tcp dport {port} counter accept",
    "ip saddr @banned tcp dport {port} counter drop",
)


def rule(number: int) -> str:
    """One of them."""
    kinds = OTHERS if number % 7 == 3 else DECIDING
    form = kinds[number // 7 % len(kinds)]
    return form.format(address=f"10.0.{number >> 8}.{number & 255}", port=number + 1, number=number + 1)


def ban(number: int) -> str:
    """A rule that may be a ban."""
    return f"ip saddr @banned tcp dport {number + 1} counter drop"


def permit(number: int) -> str:
    """A rule behind which another may drop what leaves the set."""
    return f"ip saddr @allowed tcp dport {number + 1} counter accept"


def main() -> None:
    """Print the rows."""
    with added("few", rule, FEW).entered():
        first_look(FEW // 7)
    measured(f"first look at {COUNT} foreign rules", "varied", rule, COUNT // 7)
    measured(f"first look at {COUNT} foreign rules that drop by a set", "bans", ban, 1)
    measured(f"first look at {COUNT} foreign rules that accept by a set", "permits", permit, 1)


def measured(work: str, name: str, made: Callable[[int], str], least: int) -> None:
    """Print the row of rules that `made` writes; `least`: so many of them offload has to know one by one."""
    with added(name, made, COUNT).entered():
        took = milliseconds(lambda: first_look(least))  # a counted figure repeats: two rounds differed by 0.2 %
    against(work, NAME, "ms", (bare(), Figure(took, 1)), GOAL, "counted instructions").show()


def added(name: str, made: Callable[[int], str], count: int) -> Namespace:
    """A namespace with so many rules that `made` writes."""
    host = Namespace(name)
    host.nft(TABLE)
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        host.nft("".join(f"add rule inet foreign forward {made(each)}\n" for each in numbers))
    return host


def first_look(least: int) -> None:
    """All of it, with nothing known before."""
    _expression.cache_clear()
    nft = Nft()
    ForeignRules().read(nft)
    assert len(nft.ruleset()[1]) >= least


if __name__ == "__main__":
    main()
