"""The table STEPS of the conditions that a connection must meet to be offloaded, in the packet's order. Pure."""

from collections.abc import Callable
from ipaddress import ip_address

from offload.model.problems.reason import ReasonCode
from offload.status.hardware.pair_hardware import family_of
from offload.status.lookup.device_pairs import OF_A_PART
from offload.status.lookup.zone_lookup import Endpoint
from offload.status.why.reasons import IPS_ADJUSTED, called, tcp_state
from offload.status.why.step import Seen

WHY = ReasonCode
Fact = Callable[[Seen], str]


def _protocol(seen: Seen) -> str:
    return f"it is {called(seen.entry.proto)} over {family_of(seen.entry.original)}"


def _forwarded(seen: Seen) -> str:
    if seen.src.router or seen.dest.router:
        return "the router itself is an end of it"
    if seen.src.unrouted or seen.dest.unrouted:
        return "an end of it is an address that is never forwarded"
    return "it goes to a group of receivers" if seen.src.group or seen.dest.group else "it is forwarded to one receiver"


def place(address: bytes, end: Endpoint) -> str:
    """A text that says where a packed address is: `192.168.1.5 is in zone lan, on br-lan`. `end`: its endpoint.

    Without a zone it is `ADDRESS: the router itself`, `ADDRESS: never forwarded` (link-local) or, also for multicast,
    `ADDRESS: no single zone`.
    """
    devices = f", on {' or '.join(end.devices)}" if end.devices else ""
    if end.zone:
        return f"{ip_address(address)} is in zone {end.zone}{devices}"
    where = "the router itself" if end.router else "never forwarded" if end.unrouted else "no single zone"
    return f"{ip_address(address)}: {where}"


def _source(seen: Seen) -> str:
    return place(seen.entry.original.src, seen.src)


def _destination(seen: Seen) -> str:
    return place(seen.entry.reply.src, seen.dest)


def _pair(seen: Seen) -> str:
    if seen.pair is None:
        return "the firewall's configuration has no such pair of zones"
    pair = seen.pair
    return f"{pair.src} > {pair.dest}: {pair.mode.value} was asked for, it gets {pair.effective.value}"


def _family(seen: Seen) -> str:
    return f"offloaded for the pair: {seen.pair.family.value}" if seen.pair else ""


def _exempt(seen: Seen) -> str:
    if seen.pair and (found := next(seen.lookups.exempted.reasons(seen.entry, seen.pair), None)):
        return found.text
    return "no exempt matches (conntrack does not show those by MAC, DSCP or the packet's mark)"


def _devices(seen: Seen) -> str:
    names = [*seen.src.devices, *seen.dest.devices]
    tables = {each.name: each.flowtables for each in seen.plan.devices}
    known = [f"{name} in {' and '.join(tables[name])}" for name in names if tables.get(name)]
    without = [name for name in names if not tables.get(name)]
    return ", ".join([*known, *(f"{name} in no flowtable" for name in without)]) or "not known"


def _state(seen: Seen) -> str:
    state = seen.entry.tcp_state
    return f"TCP state {tcp_state(state)}" if state is not None else "established, or not TCP"


def _helper(seen: Seen) -> str:
    return f"helper {seen.entry.helper}" if seen.entry.helper else "no helper watches it"


def _adjusted(seen: Seen) -> str:
    return f"the kernel corrects {'' if seen.entry.status & IPS_ADJUSTED else 'no '}numbers in its packets"


def _reply(seen: Seen) -> str:
    came = f"{_count(seen, 1)} came back" if seen.entry.packets else "packets are not counted"
    accepted = {True: ", and the firewall accepted one", False: ", and the firewall accepted none lately", None: ""}
    return came + accepted[seen.live.reply_accepted]


def _packets(seen: Seen) -> str:
    needed = seen.lookups.crossings.after(seen.src, seen.dest, seen.pair) if seen.pair else 0
    sent = f"{_count(seen, 0)} sent" if seen.entry.packets else "packets are not counted"
    return f"{sent}, offloaded after {needed}"


def _count(seen: Seen, direction: int) -> str:
    count = seen.entry.packets[direction] if seen.entry.packets else 0
    return f"{count} packet{'s' * (count != 1)}"


# Each condition in the packet's order: its name, the codes of Reasons why it does not hold (None: all codes
# except WAITING that no other row has), and the function that gives what was found, as text.
STEPS: tuple[tuple[str, frozenset[ReasonCode] | None, Fact], ...] = (
    ("protocol", frozenset({WHY.NOT_OFFLOADABLE}), _protocol),
    ("source", frozenset({WHY.ZONE_UNKNOWN}), _source),
    ("destination", frozenset({WHY.ZONE_UNKNOWN}), _destination),
    ("forwarded", frozenset({WHY.LOCAL, WHY.NOT_UNICAST}), _forwarded),
    ("pair", None, _pair),
    ("family", frozenset({WHY.OTHER_FAMILY}), _family),
    ("exempt", frozenset({WHY.EXEMPTED, WHY.IN_SUBNETS}), _exempt),
    ("devices", frozenset(OF_A_PART), _devices),
    ("established", frozenset({WHY.TCP_STATE}), _state),
    ("helper", frozenset({WHY.HELPER}), _helper),
    ("unchanged", frozenset({WHY.ADJUSTED}), _adjusted),
    ("reply", frozenset({WHY.NO_REPLY, WHY.REPLY_NOT_ACCEPTED}), _reply),
    ("packets", frozenset({WHY.AFTER_PACKETS}), _packets),
)
BEFORE_PAIR = frozenset({"protocol", "source", "destination", "forwarded"})
OF_NOW = frozenset({"path", "hardware", "reply", "packets", "sending"})  # only an existing connection can fulfil them
NAMED = frozenset({WHY.WAITING}).union(*(codes for _, codes, _ in STEPS if codes))
