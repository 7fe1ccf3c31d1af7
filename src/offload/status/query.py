"""Parse and apply queries about flows: which flows, in which order, and how many. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from offload.errors import UsageError
from offload.model.flow import Entry, Flow, State
from offload.model.text import networks
from offload.model.text.similar import did_you_mean
from offload.nouns import dataclass
from offload.status.query_words import KEYS, REVERSED

Sorting = Callable[[Flow], Any]

# Sort keys by word: flows with the largest counts come first, by other words those with the smallest.
SORTS: Mapping[str, Sorting] = {
    "bytes": lambda flow: -sum(flow.entry.bytes or (0,)),
    "packets": lambda flow: -sum(flow.entry.packets or (0,)),
    "src": lambda flow: _end(flow.entry.original.src, flow.entry.original.sport),
    "dest": lambda flow: _end(flow.entry.original.dst, flow.entry.original.dport),
    "zone": lambda flow: (flow.src_zone or "", flow.dest_zone or ""),
    "state": lambda flow: list(State).index(flow.state),
    "timeout": lambda flow: flow.entry.timeout or 0,
}
LARGEST = 1_000_000
LONGEST_SHOWN = 60


class QueryError(UsageError):
    """A query has a key or value that is not valid."""


@dataclass(frozen=True, slots=True)
class Query:
    """A selection of flows by zone, host and path, an order, and a page of the selected flows.

    By `bytes` and `packets` the order is largest first, by the other words of `sort` smallest first.
    """

    zone: str | None = None  # name of the zone that one end is in; None: any
    host: IPv4Network | IPv6Network | None = None  # address or network of an end, before or after NAT; None: any
    state: State | None = None  # path of the flow; None: any
    sort: str = "bytes"  # bytes, packets, src, dest, zone, state or timeout; with `-` before it in reverse
    limit: int | None = None  # most flows to give; None: all
    offset: int = 0  # flows to skip

    @classmethod
    def of(cls, words: Mapping[str, object], zones: Collection[str] | None = None) -> "Query":
        """Parse a query of ubus or the command. `words`: name of a field -> its value, text or number.

        A field that is missing keeps its default. `zones`: names of the zones that the value of `zone` may be; None:
        any. QueryError if a name or value is not valid.
        """
        unknown = sorted(words.keys() - set(KEYS))
        if unknown:
            hint = did_you_mean(unknown[0], KEYS)
            raise QueryError(f"{_quoted(unknown[0])} cannot be asked for{hint}: use {_listed(KEYS)}")
        read = {key: READERS[key](key, words[key]) for key in KEYS if key in words}
        if zones is not None and "zone" in read and read["zone"] not in zones:
            hint = did_you_mean(read["zone"], zones)
            raise QueryError(
                f"zone: there is no zone {_quoted(read['zone'])}{hint}; the zones: {_listed(zones) or 'none'}"
            )
        return cls(**read)

    def admits(self, flow: Flow) -> bool:
        """Whether the flow meets the query's conditions `zone`, `host` and `state`."""
        if self.state is not None and flow.state is not self.state:
            return False
        if self.zone is not None and self.zone not in {flow.src_zone, flow.dest_zone}:
            return False
        return self.host is None or admits_host(flow.entry, self.host)


def admits_host(entry: Entry, host: IPv4Network | IPv6Network) -> bool:
    """Whether a source or destination address of the connection, before or after NAT, is in the network `host`."""
    original, reply = entry.original, entry.reply
    within = _within(host)
    return within(original.src) or within(original.dst) or within(reply.src) or within(reply.dst)


def select(flows: Iterable[Flow], query: Query) -> list[Flow]:
    """The flows that meet the query's conditions, sorted as it requests; of these only its page (`offset`, `limit`).

    Flows that are equal in that order stay in the order of `flows`.
    """
    word = query.sort.removeprefix(REVERSED)
    found = sorted(filter(query.admits, flows), key=SORTS[word], reverse=word != query.sort)
    end = None if query.limit is None else query.offset + query.limit
    return found[query.offset : end]


def _end(address: bytes, port: int) -> bytes:
    # sorts IPv4 before IPv6, then by value; tuples would be compared in three times as long
    return b"%c%b%b" % (len(address), address, port.to_bytes(2, "big"))


@lru_cache(maxsize=8)
def _within(network: IPv4Network | IPv6Network) -> Callable[[bytes], bool]:
    # compares numbers, because ip_address() takes ten times as long
    size, beyond = network.max_prefixlen // 8, network.max_prefixlen - network.prefixlen
    if not beyond:
        return network.network_address.packed.__eq__
    wanted = int(network.network_address) >> beyond
    return lambda address: len(address) == size and int.from_bytes(address, "big") >> beyond == wanted


def _text(key: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise QueryError(f"{key}: {_quoted(value)} is not a name")


def _host(key: str, value: object) -> IPv4Network | IPv6Network:
    if found := networks.network(str(value)):
        return found
    raise QueryError(f"{key}: {_quoted(value)} is not an IPv4 or IPv6 address or network")


def _state(key: str, value: object) -> State:
    try:
        return State(str(value).lower())
    except ValueError:
        raise _unknown(key, "state", value, [state.value for state in State]) from None


def _sort(key: str, value: object) -> str:
    if isinstance(value, str) and value.removeprefix(REVERSED) in SORTS:
        return value
    raise _unknown(key, "order", value, SORTS)


def _unknown(key: str, what: str, value: object, words: Collection[str]) -> QueryError:
    hint = did_you_mean(str(value).removeprefix(REVERSED), words)
    return QueryError(f"{key}: {_quoted(value)} is no {what}{hint}: write {_or(words)}")


def _count(key: str, value: object) -> int:
    if re.fullmatch(r"[0-9]{1,7}", str(value)) and int(str(value)) <= LARGEST:
        return int(str(value))
    raise QueryError(f"{key}: {_quoted(value)} is not a whole number from 0 to {LARGEST}")


READERS: Mapping[str, Callable[[str, object], Any]] = {
    "zone": _text,
    "host": _host,
    "state": _state,
    "sort": _sort,
    "limit": _count,
    "offset": _count,
}


def _quoted(value: object) -> str:
    text = "".join(char if char.isprintable() else "?" for char in str(value)[:LONGEST_SHOWN])
    return f"'{text}'"


def _or(words: Iterable[str]) -> str:
    *others, last = words
    return f"{_listed(others)} or {last}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
