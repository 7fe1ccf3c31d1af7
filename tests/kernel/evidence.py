"""Show that a flow is offloaded, by a chain before the firewall's that counts every packet on the slow path.

A conntrack flag is no proof (docs/kernel.md 14). The chain is on the forward hook at priority `filter - 1`, so it sees
all packets that the firewall and our own chain see, also those that are dropped later, and none that the flowtable
forwards.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from socket import IPPROTO_TCP, IPPROTO_UDP

from kernel.netns import Namespace
from kernel.traffic import NOTHING, Crossing, Talk

RESTLESS = 20
ON_ITS_WAY = 0.3  # seconds; what a host has sent or acknowledged may not have been forwarded yet
Key = tuple[str, int, str, int, int]  # source, port, destination, port, protocol, as the forward hook sees them
NUMBERS = {"tcp": IPPROTO_TCP, "udp": IPPROTO_UDP}  # nft knows the names only where /etc/protocols does

# One element per direction of every flow, made by the flow's first slow packet.
COUNTERS = """
table inet evidence {
	set slow4 {
		type ipv4_addr . inet_service . ipv4_addr . inet_service . inet_proto
		size 65536
		flags dynamic
	}
	set slow6 {
		type ipv6_addr . inet_service . ipv6_addr . inet_service . inet_proto
		size 65536
		flags dynamic
	}
	chain forward {
		type filter hook forward priority filter - 1; policy accept;
		meta l4proto { tcp, udp } update @slow4 { ip saddr . th sport . ip daddr . th dport . meta l4proto counter }
		meta l4proto { tcp, udp } update @slow6 { ip6 saddr . th sport . ip6 daddr . th dport . meta l4proto counter }
	}
}
"""


@dataclass
class Sighting:
    """The result of `with watch(...)`: how many packets a conversation sent, by direction, and how many were slow."""

    moved: Crossing = NOTHING
    slow: Crossing = NOTHING

    def fast(self, at_least: int) -> bool:
        """Both directions moved at least so many packets, and not one of them was slow."""
        return min(self.moved) >= at_least and self.slow == NOTHING

    def sent_back_once(self) -> bool:
        """One packet was slow in a direction and no more, as where the kernel looked up the route of a flow anew."""
        return max(self.slow) == 1

    def all_slow(self) -> bool:
        """Both directions moved, and every packet was slow."""
        return min(self.moved) > 0 and all(slow >= moved for slow, moved in zip(self.slow, self.moved, strict=True))


class Evidence:
    """The counting chain of one router."""

    def __init__(self, router: Namespace) -> None:
        self._router = router
        router.nft(COUNTERS)

    def slow(self, talk: Talk, counted: Mapping[Key, int] | None = None) -> Crossing:
        """Packets of a conversation that have taken the slow path so far, or had when `counted`."""
        counted = self.counted() if counted is None else counted
        near, far = (str(talk.near[0]), talk.near[1]), (str(talk.far[0]), talk.far[1])
        proto = NUMBERS[talk.proto]
        original, reply = (*near, *far, proto), (*far, *near, proto)
        # The first packet of every flow is slow. Where there was none, we are looking for another flow.
        assert original in counted, f"the forward hook has never seen {original}"
        return Crossing(counted[original], counted.get(reply, 0))

    @contextmanager
    def watch(self, talk: Talk) -> Iterator[Sighting]:
        """Watch a conversation while it goes on; the Sighting is filled in at the end."""
        sighting = Sighting()
        (moved,), counted = self._at_rest([talk])
        slow = self.slow(talk, counted)
        yield sighting
        sighting.moved, sighting.slow = talk.packets() - moved, self.slow(talk) - slow
        if sighting.slow != NOTHING and not sighting.all_slow():
            time.sleep(ON_ITS_WAY)
            sighting.slow = self.slow(talk) - slow

    def _at_rest(self, talks: Sequence[Talk]) -> tuple[list[Crossing], dict[Key, int]]:
        """Packets that each moved, and slow ones, with none sent in between: an acknowledgement may be late.

        Conversations that never rest are read RESTLESS times.
        """
        for _ in range(RESTLESS):
            moved, counted = [talk.packets() for talk in talks], self.counted()
            if [talk.packets() for talk in talks] == moved:
                break
        return moved, counted

    @contextmanager
    def watch_all(self, talks: Sequence[Talk]) -> Iterator[list[Sighting]]:
        """Watch several conversations at once, which costs no more than one."""
        sightings = [Sighting() for _ in talks]
        begin, before = self._at_rest(talks)
        yield sightings
        end, after = self._at_rest(talks)
        for sighting, talk, then, now in zip(sightings, talks, begin, end, strict=True):
            sighting.moved = now - then
            sighting.slow = self.slow(talk, after) - self.slow(talk, before)

    def counted(self) -> dict[Key, int]:
        """Slow packets so far, of every flow there was."""
        listing = json.loads(self._router.run("nft", "-nn", "-j", "list", "table", "inet", "evidence"))
        sets = [found["set"] for found in listing["nftables"] if "set" in found]
        return dict(_element(each["elem"]) for found in sets for each in found.get("elem", ()))


def _element(element: dict[str, object]) -> tuple[Key, int]:
    value, counter = element["val"], element["counter"]
    assert isinstance(value, dict) and isinstance(counter, dict)
    source, sport, destination, dport, proto = value["concat"]
    return (str(ip_address(source)), sport, str(ip_address(destination)), dport, int(proto)), counter["packets"]


def conntrack_flags(router: Namespace, talk: Talk) -> set[str]:
    """The flags that conntrack(8) prints for a conversation: an independent witness, but no proof."""
    source, sport = talk.near
    family = "ipv6" if ":" in str(source) else "ipv4"
    listing = router.run(
        "conntrack", "-L", "-f", family, "-p", talk.proto, "--orig-src", str(source), "--sport", str(sport)
    )
    return set(re.findall(r"\[(\w+)\]", listing))
