"""Read sections of /etc/config/firewall, of services and of netifd into a FirewallConfig."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from offload.config.fw4 import netifd_data
from offload.config.fw4.firewall_reading import Reading, Say, read
from offload.config.fw4.options import fw4_values
from offload.config.fw4.options.firewall_tables import HELPER, TABLES
from offload.config.fw4.sections import objects, traffic
from offload.config.nft_words import RESERVED
from offload.config.schema import CONDITION, CORE, DETAIL, Given
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import (
    Defaults,
    FirewallConfig,
    Forwarding,
    Helper,
    Include,
    Origin,
    Redirect,
    RouterNetwork,
    Rule,
    Zone,
)
from offload.model.sections.match import NO_DEVICE, NetworkName
from offload.model.sections.section import Section

T = TypeVar("T")
Found = tuple[Origin, Mapping[str, Given]]
CLOSING = frozenset({"drop", "reject"})
ADDRESSES = frozenset({"src_ip", "dest_ip", "src_dip", "snat_ip", "subnet", "masq_src", "masq_dest"})
ZONE_SAYS = frozenset({"input", "output", "forward", "masq_src", "masq_dest"})  # with Problems of their own


class Loader:
    """Reads sections of the firewall; `problems` collects the FirewallProblems of all calls.

    `networks`: {name: RouterNetwork} of netifd, for addresses that name a network; None: such names are not checked,
    but in sets not valid. `files`: {path: lines} of the loadfiles of ipsets; None: no file.
    """

    def __init__(
        self, networks: Mapping[str, RouterNetwork] | None = None, files: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.problems: list[FirewallProblem] = []
        self._networks, self._files = networks, files or {}

    def load(
        self, sections: Iterable[Section], handed_over: Iterable[netifd_data.Found], helpers: tuple[Helper, ...] = ()
    ) -> FirewallConfig:
        """Read all sections: those `handed_over` by services and netifd, and `sections` of /etc/config/firewall.

        Sections of unknown type are ignored. So are sections of type `defaults` and `include` that are handed over.
        `helpers`: the system's conntrack helpers, unchanged in the result. Faults are added to `problems`.
        """
        found: dict[str, list[Found]] = {kind: [] for kind in TABLES}
        for kind, origin, options in handed_over:
            if kind in found and kind not in {"defaults", "include"}:
                found[kind].append((origin, options))
        for each in sections:
            if each.type in found:
                found[each.type].append((_origin(each), each.options))
        ipsets = self._unique(
            self._each(
                "ipset", found, lambda reading, say: objects.ipset(reading, say, self._networks or {}, self._files)
            )
        )
        zones, unread = self._zones(found["zone"])
        return FirewallConfig(
            defaults=self._defaults(found["defaults"]),
            ipsets=ipsets,
            zones=zones,
            rules=tuple(self._each("rule", found, traffic.rule)),
            forwardings=tuple(self._each("forwarding", found, _forwarding)),
            redirects=tuple(self._each("redirect", found, traffic.redirect)),
            nats=tuple(self._each("nat", found, traffic.nat)),
            includes=tuple(self._each("include", found, objects.include)),
            helpers=helpers,
            unread_zones=unread,
        )

    def rules(self, sections: Iterable[Section]) -> tuple[Rule, ...]:
        """The usable `config rule` sections; faults are added to `problems`.

        A rule with a bad option of role CONDITION (schema.py) is in the result without the option, and its `lost` names
        it. Not in the result are a disabled rule, one with a bad option of role CORE, one whose stop_date is before its
        start_date, and one that `traffic.rule` leaves out; one with a bad DETAIL is in it only if its target is drop or
        reject. Options that nftables cannot express are ignored.
        """
        return self._only("rule", sections, traffic.rule)

    def redirects(self, sections: Iterable[Section]) -> tuple[Redirect, ...]:
        """The usable `config redirect` sections. Which are usable, and what becomes of faults, is as in `rules`."""
        return self._only("redirect", sections, traffic.redirect)

    def includes(self, sections: Iterable[Section]) -> tuple[Include, ...]:
        """The usable `config include` sections: enabled ones without a bad option. Faults are added to `problems`.

        Those that `objects.include` leaves out are not usable. Options that nftables cannot express are ignored. The
        files are not opened.
        """
        return self._only("include", sections, objects.include)

    def _only(self, kind: str, sections: Iterable[Section], make: Callable[[Reading, Say], T | None]) -> tuple[T, ...]:
        return tuple(self._each(kind, {kind: _of_type(kind, sections)}, make))

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
        for word in given.split() if isinstance(given, str) else given:
            item = fw4_values.zone_device(word)
            if item is not None and item.text == NO_DEVICE:
                self._say(FirewallFault.NO_DEVICE, reading, "device", value=word)

    def _each(
        self, kind: str, found: Mapping[str, list[Found]], make: Callable[[Reading, Say], T | None]
    ) -> Iterator[T]:
        # `found`: by type, (origin, options) of each section; only usable sections are made
        for origin, options in found[kind]:
            reading = self._read(kind, origin, options)
            if self._usable(reading) and (made := make(reading, self._say)) is not None:
                yield made

    def _usable(self, reading: Reading) -> bool:
        # A faulty detail does not matter if the target is DROP or REJECT. A faulty condition does not matter in a rule,
        # redirect or nat: the compiler decides about these.
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
        # nft refuses a range that ends before it begins
        start, stop = (reading.values.get(option, ()) for option in ("start_date", "stop_date"))
        if start and stop and stop < start:
            self._say(FirewallFault.EMPTY_TIMES, reading, "stop_date", start="start_date")
            return False
        return True

    def _unique(self, sections: Iterable[Any]) -> tuple[Any, ...]:
        # of equal names only the first; no set whose name is a word of nft
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
        # the first section; its invalid options are ignored, each with a problem
        for origin, _ in found[1:]:
            self.problems.append(FirewallFault.DUPLICATE_DEFAULTS.at(origin))
        if not found:
            return Defaults()
        reading = self._read("defaults", *found[0])
        values = reading.values
        protect = values.pop("syn_flood", False)
        return Defaults(reading.origin, **{"synflood_protect": protect} | values)

    def _zones(self, found: list[Found]) -> tuple[tuple[Zone, ...], tuple[Zone, ...]]:
        # the usable zones; and enabled ones that are left out: name or condition unreadable, or the name in use
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
        once = self._unique(good)
        counted = {each.origin for each in once}
        return once, (*unread, *(each for each in good if each.origin not in counted))

    def _zone(self, reading: Reading) -> Zone:
        values = {name: value for name, value in reading.values.items() if name not in {"enabled", "helper"}}
        helpers = tuple(item.text for item in reading.values.get("helper", ()))
        details = [option for option in reading.bad(DETAIL) if option not in ZONE_SAYS]
        if details and not reading.bad(CORE, CONDITION):
            self._say(FirewallFault.GOES_WITHOUT, reading, options=", ".join(details))
        name = {"name": reading.origin.id} | values
        return Zone(reading.origin, helper=helpers, unread=tuple(reading.faults), **name)

    def helpers(self, sections: Iterable[Section]) -> tuple[Helper, ...]:
        """Read `config helper` sections. One with a fault, or not with one protocol, is left out, with a problem."""
        found = []
        for each in sections:
            if each.type == "helper":
                origin = Origin(each.id, str(each.options.get("name", "")), each.type)
                reading = read(origin, each.options, HELPER, self.problems)
                protos = [item for item in reading.values.get("proto", ()) if item.text != "any" and not item.negated]
                if reading.faults or len(protos) != 1:
                    self._say(FirewallFault.SKIPPED, reading)
                else:
                    found.append(objects.helper(reading.values, protos[0]))
        return tuple(found)


def _forwarding(reading: Reading, _say: Say) -> Forwarding:
    return Forwarding(reading.origin, **{name: value for name, value in reading.values.items() if name != "enabled"})


def _of_type(kind: str, sections: Iterable[Section]) -> list[Found]:
    # (origin, options) of each section, without options that nftables cannot express
    lost = {name for name, option in TABLES[kind].items() if option.unsupported}
    return [
        (_origin(each), {name: given for name, given in each.options.items() if name not in lost})
        for each in sections
        if each.type == kind
    ]


def _origin(section: Section) -> Origin:
    name = section.options.get("name", "")
    return Origin(section.id, name if isinstance(name, str) else "", section.type)
