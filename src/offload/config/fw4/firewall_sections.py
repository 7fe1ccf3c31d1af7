"""Sections of /etc/config/firewall, and those of services and netifd -> FirewallConfig. Pure.

Every section is read by itself: a faulty one is left out with a problem, and costs nothing else. What services ask for
comes before what the file asks for, as in fw4.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from offload.config.fw4 import fw4_values, netifd_data, set_entries
from offload.config.fw4.firewall_reading import Reading, read
from offload.config.fw4.firewall_tables import HELPER, TABLES
from offload.config.nft_words import RESERVED
from offload.config.schema import CONDITION, CORE, DETAIL, Given
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import (
    Defaults,
    FirewallConfig,
    Forwarding,
    Helper,
    Include,
    IpSet,
    Nat,
    Origin,
    Redirect,
    RouterNetwork,
    Rule,
    Zone,
)
from offload.model.sections.match import MASKED, NO_DEVICE, Bits, Item, Limit, Match, NetworkName, Times
from offload.model.sections.section import Section

T = TypeVar("T")
Found = tuple[Origin, Mapping[str, Given]]
BOTH_PORTS = (Item("tcp"), Item("udp"))
EVERY_PROTOCOL = (Item("any"),)
CLOSING = frozenset({"drop", "reject"})
ADDRESSES = frozenset({"src_ip", "dest_ip", "src_dip", "snat_ip", "subnet", "masq_src", "masq_dest"})
ZONE_SAYS = frozenset({"input", "output", "forward", "masq_src", "masq_dest"})  # what becomes of them is said later
OLD_SCRIPT = "/etc/firewall.user"  # what firewall3 sourced; its iptables commands do harm today


class Loader:
    """Reads one configuration; `problems` gathers its problems.

    `networks`: those of netifd, which addresses may name; None where it does not matter whether they exist.
    """

    def __init__(
        self, networks: Mapping[str, RouterNetwork] | None = None, files: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.problems: list[FirewallProblem] = []
        self._networks, self._files = networks, files or {}

    def load(
        self, sections: Iterable[Section], handed_over: Iterable[netifd_data.Found], helpers: tuple[Helper, ...] = ()
    ) -> FirewallConfig:
        """Read everything; `helpers` are those of the system."""
        found: dict[str, list[Found]] = {kind: [] for kind in TABLES}
        for kind, origin, options in handed_over:
            if kind in found and kind not in {"defaults", "include"}:
                found[kind].append((origin, options))
        for each in sections:
            if each.type in found:
                found[each.type].append((_origin(each), each.options))
        ipsets = self._once(self._each("ipset", found, self._ipset))
        zones, unread = self._zones(found["zone"])
        return FirewallConfig(
            defaults=self._defaults(found["defaults"]),
            ipsets=ipsets,
            zones=zones,
            rules=tuple(self._each("rule", found, self._rule)),
            forwardings=tuple(self._each("forwarding", found, self._forwarding)),
            redirects=tuple(self._each("redirect", found, self._redirect)),
            nats=tuple(self._each("nat", found, self._nat)),
            includes=tuple(self._each("include", found, self._include)),
            helpers=helpers,
            unread_zones=unread,
        )

    def rules(self, sections: Iterable[Section]) -> tuple[Rule, ...]:
        """The rules alone, as fw4 takes them: what nftables cannot express, fw4 leaves out of them."""
        return tuple(self._each("rule", {"rule": _of_type("rule", sections)}, self._rule))

    def redirects(self, sections: Iterable[Section]) -> tuple[Redirect, ...]:
        """The redirects alone, as fw4 takes them."""
        return tuple(self._each("redirect", {"redirect": _of_type("redirect", sections)}, self._redirect))

    def includes(self, sections: Iterable[Section]) -> tuple[Include, ...]:
        """The includes alone."""
        return tuple(self._each("include", {"include": _of_type("include", sections)}, self._include))

    def _say(self, fault: FirewallFault, reading: Reading, option: str = "", **words: object) -> None:
        self.problems.append(fault.at(reading.origin, option, **words))

    def _read(self, kind: str, origin: Origin, options: Mapping[str, Given]) -> Reading:
        reading = read(origin, options, TABLES[kind], self.problems)
        if kind == "zone":
            self._name_devices(reading, options.get("device", ()))
        if self._networks is None:
            return reading
        for name in sorted(ADDRESSES & reading.values.keys()):
            value = reading.values[name]
            for each in value if type(value) is tuple else (value,):
                if type(each) is NetworkName and each.name not in self._networks:
                    self._say(FirewallFault.UNKNOWN_NETWORK, reading, name, value=each.name)
                    reading.faults[name] = TABLES[kind][name].role
                    reading.values.pop(name, None)
        return reading

    def _name_devices(self, reading: Reading, given: Given) -> None:
        """Name the words that are no device's name."""
        for word in given.split() if isinstance(given, str) else given:
            item = fw4_values.zone_device(word)
            if item is not None and item.text == NO_DEVICE:
                self._say(FirewallFault.NO_DEVICE, reading, "device", value=word)

    def _each(self, kind: str, found: Mapping[str, list[Found]], make: Callable[[Reading], T | None]) -> Iterator[T]:
        """The sections of a type that are good and enabled."""
        for origin, options in found[kind]:
            reading = self._read(kind, origin, options)
            made = None
            if self._counts(reading):
                made = make(reading)
            if made is not None:
                yield made

    def _counts(self, reading: Reading) -> bool:
        """Whether a section is taken at all. What becomes of a lost condition is decided where zones are known."""
        if not reading.faults and reading.values.get("enabled", True):
            return self._begins_before_it_ends(reading)
        fatal = reading.bad(CORE)
        if reading.values.get("target") not in CLOSING:
            fatal += reading.bad(DETAIL)
        if reading.origin.type not in {"rule", "redirect", "nat"}:
            fatal += reading.bad(CONDITION)
        if fatal:
            self._say(FirewallFault.SKIPPED, reading)
            return False
        if not reading.values.get("enabled", True):
            self._say(FirewallFault.DISABLED, reading)
            return False
        return self._begins_before_it_ends(reading)

    def _begins_before_it_ends(self, reading: Reading) -> bool:
        """Whether some time is between the two dates: nft refuses a span that ends before it begins."""
        start, stop = (reading.values.get(option, ()) for option in ("start_date", "stop_date"))
        if start and stop and stop < start:
            self._say(FirewallFault.EMPTY_TIMES, reading, "stop_date", start="start_date")
            return False
        return True

    def _once(self, sections: Iterable[Any]) -> tuple[Any, ...]:
        """Only the first section of each name."""
        names: dict[str, Any] = {}
        for each in sections:
            if each.name in names:
                self.problems.append(FirewallFault.DUPLICATE_NAME.at(each.origin, "name", value=each.name))
            elif each.name in RESERVED and each.origin.type == "ipset":
                self.problems.append(FirewallFault.RESERVED_NAME.at(each.origin, "name", value=each.name))
            else:
                names[each.name] = each
        return tuple(names.values())

    def _defaults(self, found: list[Found]) -> Defaults:
        """The first section; a bad value of it costs its option, and not the firewall."""
        for origin, _ in found[1:]:
            self.problems.append(FirewallFault.DUPLICATE_DEFAULTS.at(origin))
        if not found:
            return Defaults()
        reading = self._read("defaults", *found[0])
        values = reading.values
        protect = values.pop("syn_flood", False)
        return Defaults(reading.origin, **{"synflood_protect": protect} | values)

    def _zones(self, found: list[Found]) -> tuple[tuple[Zone, ...], tuple[Zone, ...]]:
        """The zones, and those that are left out: without a readable condition, or with a name that is taken."""
        good, unread = [], []
        for origin, options in found:
            reading = self._read("zone", origin, options)
            lost = reading.bad(CORE, CONDITION)
            if not reading.values.get("enabled", True):
                self._say(FirewallFault.DISABLED, reading)
            elif lost:
                self._say(FirewallFault.ZONE_LEFT_OUT, reading, options=", ".join(lost))
                unread.append(self._zone(reading))
            else:
                good.append(self._zone(reading))
        once = self._once(good)
        counted = {each.origin for each in once}
        return once, (*unread, *(each for each in good if each.origin not in counted))

    def _zone(self, reading: Reading) -> Zone:
        values = _without(reading.values, "enabled", "helper")
        helpers = tuple(item.text for item in reading.values.get("helper", ()))
        details = [option for option in reading.bad(DETAIL) if option not in ZONE_SAYS]
        if details and not reading.bad(CORE, CONDITION):
            self._say(FirewallFault.GOES_WITHOUT, reading, options=", ".join(details))
        name = {"name": reading.origin.id} | values
        return Zone(reading.origin, helper=helpers, unread=tuple(reading.faults), **name)

    def _forwarding(self, reading: Reading) -> Forwarding:
        return Forwarding(reading.origin, **_without(reading.values, "enabled"))

    def _rule(self, reading: Reading) -> Rule | None:
        values, target = reading.values, reading.values.get("target", "")
        missing = _missing(target, values)
        if missing:
            self._say(FirewallFault.NEEDS_OPTION, reading, target=target, option=missing)
            return None
        device = values.get("device")
        if device is not None and device.text == "+":
            self._say(FirewallFault.ANY_DEVICE, reading, "device")
            return None
        name = values.get("name") or reading.origin.id
        helper = values.get("set_helper")
        dscp = values.get("set_dscp")
        return Rule(
            origin=reading.origin,
            name=name,
            match=_match(values, BOTH_PORTS),
            src=values.get("src", ""),
            dest=values.get("dest", ""),
            target=target,
            device=_device(device),
            egress=values.get("direction", False),
            set_helper=helper.text if helper else "",
            set_mark=_set_mark(values),
            set_dscp=dscp.value if dscp else None,
            counter=values.get("counter", True),
            log=_log(values, name),
            log_limit=values.get("log_limit"),
            lost=reading.bad(CONDITION),
        )

    def _redirect(self, reading: Reading) -> Redirect:
        values = reading.values
        target = values.get("target", "dnat")
        if target not in {"dnat", "snat"}:
            self._say(FirewallFault.WRONG_TARGET, reading, target=target, value="dnat")
            target = "dnat"
        name = values.get("name") or reading.origin.id
        return Redirect(
            origin=reading.origin,
            name=name,
            match=_match(_without(values, "dest_ip", "dest_port"), BOTH_PORTS),
            target=target,
            log=_log(values, name),
            lost=reading.bad(CONDITION),
            **{option: values[option] for option in _OF_REDIRECT if option in values},
        )

    def _nat(self, reading: Reading) -> Nat | None:
        values = reading.values
        target = values.get("target", "masquerade")
        if target not in {"accept", "snat", "masquerade"}:
            self._say(FirewallFault.WRONG_TARGET, reading, target=target, value="masquerade")
            target = "masquerade"
        for option in ("snat_ip", "snat_port") if target != "snat" else ():
            if option in values:
                self._say(FirewallFault.NOT_FOR_TARGET, reading, option=option, target=target)
                return None
        rewrite = values.get("snat_ip")
        if target == "snat" and rewrite is None and "snat_port" not in values and "snat_ip" not in reading.faults:
            self._say(FirewallFault.NEEDS_OPTION, reading, target=target, option="snat_ip")
            return None
        if rewrite is not None and getattr(rewrite, "bits", 0) == MASKED:
            self._say(FirewallFault.BAD_REWRITE_ADDRESS, reading, option="snat_ip")
            return None
        name = values.get("name") or reading.origin.id
        return Nat(
            origin=reading.origin,
            name=name,
            match=_match(values, EVERY_PROTOCOL),
            src=values.get("src", ""),
            device=_device(values.get("device")),
            target=target,
            snat_ip=rewrite,
            snat_port=values.get("snat_port"),
            counter=values.get("counter", True),
            log=_log(values, name),
            lost=reading.bad(CONDITION),
        )

    def _ipset(self, reading: Reading) -> IpSet | None:
        values = reading.values
        match, family = values.get("match", ()), values.get("family", 4)
        kinds = {kind for _, kind in match}
        faults = {
            FirewallFault.NO_SET_TYPE: not match,
            FirewallFault.SET_TYPE: "set" in kinds,
            FirewallFault.SET_FAMILY: not family and bool(kinds & {"ip", "net"}),
        }
        for fault, holds in faults.items():
            if holds:
                self._say(fault, reading, "match")
                return None
        lines = values.get("entry", ())
        file = values.get("loadfile", "")
        if file and file not in self._files:
            self._say(FirewallFault.SET_FILE, reading, "loadfile", value=file)
        elements = []
        for line in (*lines, *self._files.get(file, ())):
            element = set_entries.element(line, match, family, self._networks or {})
            if element is None:
                self._say(FirewallFault.SET_ENTRY, reading, "entry", value=line)
            else:
                elements.append(element)
        good, overlapping = set_entries.apart(elements)
        for each in overlapping:
            shown = " ".join(value.text for value in each)
            self._say(FirewallFault.SET_OVERLAP, reading, "entry", value=shown)
        numbers = {name: values[name] for name in ("maxelem", "timeout", "comment") if name in values}
        return IpSet(reading.origin, values["name"], match, family, elements=good, **numbers)

    def _include(self, reading: Reading) -> Include | None:
        values = reading.values
        kind, path = values.get("type", "script"), values["path"]
        if kind == "script":
            if not values.get("fw4_compatible", path != OLD_SCRIPT):
                self._say(FirewallFault.NOT_FOR_FW4, reading)
                return None
            for option in ("chain", "position"):
                if option in values:
                    self._say(FirewallFault.SCRIPT_POSITION, reading, option=option)
                    return None
            return Include(reading.origin, path)
        position, chain = values.get("position", "table-append"), values.get("chain", "")
        if position.startswith("chain") and not chain:
            self._say(FirewallFault.NEEDS_CHAIN, reading, "position", value=position)
            return None
        if chain and not position.startswith("chain"):
            self._say(FirewallFault.NO_CHAIN, reading, "chain", value=position)
            chain = ""
        return Include(reading.origin, path, kind, position, chain)

    def helpers(self, sections: Iterable[Section]) -> tuple[Helper, ...]:
        """The conntrack helpers of a helpers file."""
        found = []
        for each in sections:
            if each.type == "helper":
                origin = Origin(each.id, str(each.options.get("name", "")), each.type)
                reading = read(origin, each.options, HELPER, self.problems)
                protos = [item for item in reading.values.get("proto", ()) if item.text != "any" and not item.negated]
                if reading.faults or len(protos) != 1:
                    self._say(FirewallFault.SKIPPED, reading)
                else:
                    found.append(_helper(reading.values, protos[0]))
        return tuple(found)


def _of_type(kind: str, sections: Iterable[Section]) -> list[Found]:
    lost = {name for name, option in TABLES[kind].items() if option.unsupported}
    return [
        (_origin(each), {name: given for name, given in each.options.items() if name not in lost})
        for each in sections
        if each.type == kind
    ]


def _origin(section: Section) -> Origin:
    name = section.options.get("name", "")
    return Origin(section.id, name if isinstance(name, str) else "", section.type)


_OF_REDIRECT = (
    "src",
    "dest",
    "src_dip",
    "src_dport",
    "dest_ip",
    "dest_port",
    "reflection",
    "reflection_src",
    "reflection_zone",
    "counter",
    "log_limit",
)


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _device(item: Item | None) -> str:
    """A `+` at the end stands for any end, which nft writes as `*`."""
    if item is None or item.text == "+":  # alone it is every device
        return ""
    return f"{item.text[:-1]}*" if item.text.endswith("+") else item.text


def _missing(target: str, values: Mapping[str, Any]) -> str:
    """The option that a target cannot do without."""
    needed = {"dscp": ("set_dscp",), "mark": ("set_mark", "set_xmark"), "helper": ("set_helper",)}.get(target, ())
    return "" if not needed or any(name in values for name in needed) else needed[0]


def _log(values: Mapping[str, Any], name: str) -> str:
    """The log prefix: the option's text, or the section's name where it only says yes."""
    text = values.get("log", "")
    chosen = fw4_values.boolean(text)
    return text if chosen is None else f"{name}: " if chosen else ""


def _set_mark(values: Mapping[str, Any]) -> Bits | None:
    """`set_mark` also clears the bits of its value; `set_xmark` only those of its mask."""
    mark = values.get("set_mark")
    if mark is not None:
        return Bits(mark.value, mark.value | mark.mask)
    xmark = values.get("set_xmark")
    return xmark if isinstance(xmark, Bits) else None


def _match(values: Mapping[str, Any], proto: tuple[Item, ...]) -> Match:
    """The conditions of a section."""
    get = values.get
    return Match(
        get("family"),
        get("proto") or proto,
        (),
        (),
        _tuple(get("src_ip")),
        _tuple(get("dest_ip")),
        _tuple(get("src_port")),
        _tuple(get("dest_port")),
        get("src_mac", ()),
        get("icmp_type", ()),
        get("helper"),
        _limit(values) if "limit" in values else None,
        _times(values) if _TIMED & values.keys() else None,
        get("mark"),
        get("dscp"),
        get("ipset"),
    )


_TIMED = {"start_date", "stop_date", "start_time", "stop_time", "weekdays"}


def _tuple(value: Any) -> tuple[Any, ...]:
    return () if value is None else value if type(value) is tuple else (value,)


def _limit(values: Mapping[str, Any]) -> Limit:
    limit = values["limit"]
    burst = values.get("limit_burst", 0)
    return Limit(limit.rate, limit.unit, limit.negated, burst) if burst else limit


def _times(values: Mapping[str, Any]) -> Times:
    days, others = values.get("weekdays", ((), False))
    get = values.get
    dates = (get("start_date", ()), get("stop_date", ()), get("start_time", ()), get("stop_time", ()))
    return Times(*dates, days, others, get("utc_time", False))


def _helper(values: Mapping[str, Any], proto: Item) -> Helper:
    port = values.get("port")
    return Helper(
        name=values["name"],
        description=values.get("description", ""),
        module=values.get("module", ""),
        family=values.get("family") or 0,
        proto=proto.text,
        port=port.text if port else "",
    )
