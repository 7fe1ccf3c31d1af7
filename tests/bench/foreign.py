"""How long the service takes to read 10,000 rules of other programs and to judge them, the first time.

Most of them compare addresses, ports or devices and decide, as those of a large firewall do; every seventh treats
packets, or looks up a set. A second row has 10,000 that drop by a named set, each of which may be a ban.
"""

import time
from collections.abc import Callable

from bench.rows import Figure, alone
from kernel.netns import Namespace
from offload.service.read_snapshot import ForeignRules
from offload.system.nft.door import Nft
from offload.system.nft.nfnetlink.rules import _expression

COUNT, ROUNDS = 10_000, 7
GOAL = 0.3  # seconds
AT_ONCE = 250  # rules in a transaction
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


def main() -> None:
    """Print the rows."""
    measured(f"first look at {COUNT} foreign rules", "varied", rule, COUNT // 7)
    measured(f"first look at {COUNT} foreign rules that drop by a set", "bans", ban, 1)


def measured(work: str, name: str, made: Callable[[int], str], least: int) -> None:
    """Print the row of rules that `made` writes; `least`: so many of them offload has to know one by one."""
    host = Namespace(name)
    host.nft(TABLE)
    for first in range(0, COUNT, AT_ONCE):
        host.nft("".join(f"add rule inet foreign forward {made(each)}\n" for each in range(first, first + AT_ONCE)))
    with host.entered():
        times = [first_look(least) for _ in range(ROUNDS)]
    method = f"processor time, best of {ROUNDS}"
    alone(work, "s", Figure(min(times), ROUNDS), GOAL, method).show()


def first_look(least: int) -> float:
    """Seconds of processor time for all of it, with nothing known before."""
    _expression.cache_clear()
    nft = Nft()
    began = time.process_time()
    ForeignRules().read(nft)
    took = time.process_time() - began
    assert len(nft.ruleset()[1]) >= least
    return took


if __name__ == "__main__":
    main()
