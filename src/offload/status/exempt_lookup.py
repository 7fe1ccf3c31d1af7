"""Which exempt keeps a connection on the slow path, as far as conntrack shows what exempts match. Pure."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network

from offload.model.flow import Entry
from offload.model.plan import ExemptMatch, PairDecision, Plan, Reason, ReasonCode
from offload.nouns import dataclass

Ranges = tuple[tuple[int, int, int], ...]  # (bytes of a packed address, first, last)
PROTOCOLS = {"tcp": 6, "udp": 17}


@dataclass(frozen=True, slots=True)
class _Seen:
    """An exempt in conntrack's numbers; empty: anything."""

    match: ExemptMatch
    protocols: frozenset[int]
    sources: Ranges
    dests: Ranges

    @classmethod
    def of(cls, match: ExemptMatch) -> "_Seen":
        exempt = match.exempt
        protocols = frozenset(PROTOCOLS[name] for name in exempt.proto)
        return cls(match, protocols, _ranges(exempt.src_ip), _ranges(exempt.dest_ip))

    def means(self, entry: Entry) -> bool:
        """Whether original packets of the connection are among its, after destinations are translated."""
        exempt = self.match.exempt
        return (
            (not self.protocols or entry.proto in self.protocols)
            and _within(entry.original.src, self.sources)
            and _within(entry.reply.src, self.dests)
            and _between(entry.original.sport, exempt.src_port)
            and _between(entry.reply.sport, exempt.dest_port)
        )


class ExemptLookup:
    """Answers for one Plan."""

    def __init__(self, plan: Plan) -> None:
        self._devices: Mapping[str, set[str]] = {zone.name: set(zone.devices) for zone in plan.zones}
        # neither a MAC, nor DSCP, nor a packet's mark stands in conntrack
        self._seen = {
            table.mode: [
                _Seen.of(match)
                for match in table.exempts
                if not match.exempt.src_mac and match.exempt.dscp is None and match.exempt.mark is None
            ]
            for table in plan.tables
        }

    def reasons(self, entry: Entry, pair: PairDecision) -> Iterator[Reason]:
        """A Reason for each exempt of the pair's table that means the connection."""
        for seen in self._seen.get(pair.effective, ()):
            match = seen.match
            if self._on(pair.src, match.iifs) and self._on(pair.dest, match.oifs) and seen.means(entry):
                yield ReasonCode.EXEMPTED(exempt=match.called)

    def _on(self, zone: str, devices: tuple[str, ...]) -> bool:
        return not devices or not self._devices.get(zone, set()).isdisjoint(devices)


def _ranges(networks: tuple[IPv4Network | IPv6Network, ...]) -> Ranges:
    return tuple((each.max_prefixlen // 8, int(each.network_address), int(each.broadcast_address)) for each in networks)


def _within(address: bytes, ranges: Ranges) -> bool:
    number, size = int.from_bytes(address, "big"), len(address)
    return not ranges or any(size == bits and first <= number <= last for bits, first, last in ranges)


def _between(port: int, ports: tuple[tuple[int, int], ...]) -> bool:
    return not ports or any(low <= port <= high for low, high in ports)
