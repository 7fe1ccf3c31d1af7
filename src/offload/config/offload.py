"""/etc/config/offload -> the user's choices. A section with a fault is left out in the safe direction: slower."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from math import prod
from operator import add, and_, or_
from typing import Any

from offload.config.schema import EXEMPT, FATAL, GLOBALS, PACKAGES, PAIR_CHOICE, ZONE_CHOICE, Reading, Table, read
from offload.model.config import Exempt, Family, Globals, Mode, PairChoice, Section, ZoneChoice
from offload.model.problem import Problem, ProblemCode

CONSEQUENCE = {
    "globals": "zones without a mode of their own stay on the slow path, the others go on without it",
    "zone": "the zone stays on the slow path",
    "pair": "the pair stays on the slow path",
    "exempt": "the pairs it may mean stay on the slow path",
}
OF_ZONE = ("mode", "family", "after_packets")  # what a zone's section says, and globals where it does not
NO_EFFECT = "this section has no effect"
LISTS = ("src_ip", "dest_ip", "src_mac", "src_port", "dest_port")  # of an exempt; each combination is one element
# Two values of one option -> the one that leaves more on the slow path, where two sections speak of the same.
SLOWER: Mapping[str, Callable[[Any, Any], Any]] = {
    "enabled": and_,
    "mode": min,
    "family": and_,
    "after_packets": max,
    "device": add,
    "exclude_device": add,
    "auto_exempt": or_,
    "taken": min,
    "version": min,
}
# 200 kB of nft text, which nft lists again for every pass; two long lists soon make more than anybody meant.
MOST_COMBINATIONS = 8192


@dataclass(slots=True)
class _Reader:
    """The sections of one package, and the problems found on the way."""

    sections: tuple[Section, ...]
    zones: frozenset[str]
    disabled: frozenset[str]
    problems: list[Problem] = field(default_factory=list)

    def readings(self, kind: str, table: Table) -> Iterator[Reading]:
        """Each section of the type; one that names an unknown zone gets that Problem too.

        One that names a disabled zone is about no traffic at all: that is all there is to say of it.
        """
        for section in self.sections:
            if section.type == kind:
                reading = read(section, table, CONSEQUENCE[kind])
                if disabled := {option: name for option, name in _named(reading).items() if name in self.disabled}:
                    for option, name in disabled.items():
                        self.refuse(reading, ProblemCode.DISABLED_ZONE, option, value=name, consequence=NO_EFFECT)
                    continue
                self.problems.extend(reading.problems)
                yield self._with_known_zones(reading)

    def _with_known_zones(self, reading: Reading) -> Reading:
        named = _named(reading)
        unknown = {option: name for option, name in named.items() if name not in self.zones}
        values = {option: value for option, value in reading.values.items() if option not in unknown}
        # which pairs those are nobody sees who looks for the zone that is gone
        consequence = NO_EFFECT if reading.section.type == "zone" else _held(values)
        for option, name in unknown.items():
            self.refuse(reading, ProblemCode.UNKNOWN_ZONE, option, value=name, consequence=consequence)
        if reading.section.type == "zone":
            return reading
        return replace(reading, values=values, bad=reading.bad | set(unknown))

    def refuse(self, reading: Reading, fault: ProblemCode, option: str = "", **words: object) -> None:
        """Note a Problem of this section."""
        words.setdefault("consequence", CONSEQUENCE[reading.section.type])
        self.problems.append(fault.at("offload", reading.section.id, option, **words))


def _named(reading: Reading) -> dict[str, str]:
    """The options of the section that name a zone, and the zones."""
    options = ("name",) if reading.section.type == "zone" else ("src", "dest")
    return {option: reading.get(option) for option in options if reading.get(option, "*") != "*"}


def _held(values: Mapping[str, Any]) -> str:
    """Which pairs stay slow because a section may mean them, by the zones it names that there are."""
    ends = [f"{word} {values[end]}" for end, word in (("src", "from"), ("dest", "to")) if values.get(end, "*") != "*"]
    return f"every pair {' '.join(ends)} stays slow until the section is mended or deleted".replace("  ", " ")


@dataclass(frozen=True, slots=True)
class Choices:
    """The offload package's part of the Config."""

    globals: Globals
    zones: tuple[ZoneChoice, ...]
    pairs: tuple[PairChoice, ...]
    exempts: tuple[Exempt, ...]
    problems: tuple[Problem, ...]


def load(sections: tuple[Section, ...], zones: frozenset[str], disabled: frozenset[str] = frozenset()) -> Choices:
    """Read all sections; `zones` are the names the firewall knows, `disabled` those it was told to leave out."""
    reader = _Reader(sections, zones, disabled)
    known = PACKAGES["offload"]
    for section in sections:
        if section.type not in known:
            reader.problems.append(ProblemCode.UNKNOWN_SECTION.at("offload", section.id, type=section.type))
    readings = list(reader.readings("globals", GLOBALS))
    common = _globals(readings, reader)
    return Choices(
        globals=common,
        zones=tuple(_zone_choices(reader, common)),
        pairs=(*_any_pair(readings), *_pair_choices(reader)),
        exempts=tuple(_exempts(reader)),
        problems=tuple(reader.problems),
    )


def _globals(readings: list[Reading], reader: _Reader) -> Globals:
    """All `globals` sections read as one; what is faulty nobody may rely on."""
    values: dict[str, Any] = {}
    for reading in readings:
        for option, value in reading.values.items():
            values[option] = SLOWER[option](values[option], value) if option in values else value
    for reading in readings[1:]:
        reader.refuse(reading, ProblemCode.DUPLICATE_SECTION, value="globals")
    bad = frozenset[str]().union(*(reading.bad for reading in readings))
    return Globals(
        section=readings[0].section.id if readings else "globals",
        enabled=values.get("enabled", "enabled" not in bad),
        mode=None if bad else values.get("mode", Mode.NONE),
        after_packets=None if "after_packets" in bad else values.get("after_packets", 0),
        family=None if "family" in bad else values.get("family", Family.ANY),
        devices=values.get("device", ()),
        exclude_devices=values.get("exclude_device", ()),
        auto_exempt=values.get("auto_exempt", True),
        old_rule="taken" in values and "version" not in values,
    )


def _any_pair(readings: list[Reading]) -> Iterator[PairChoice]:
    """What is faulty in globals, and may mean any pair of zones whatever their sections say."""
    for reading in readings:
        if reading.bad & FATAL:
            yield PairChoice("*", "*", reading.section.id, Mode.NONE, faulty=True)


def _zone_choices(reader: _Reader, common: Globals) -> Iterator[ZoneChoice]:
    seen: dict[str, ZoneChoice] = {}
    for reading in reader.readings("zone", ZONE_CHOICE):
        name = reading.get("name", "*")
        values = {option: reading.get(option) for option in OF_ZONE}
        choice = ZoneChoice(name, reading.section.id, **values, faulty=bool(reading.bad))
        if (first := seen.get(name)) is not None:
            if name != "*":
                reader.refuse(reading, ProblemCode.DUPLICATE_SECTION, "name", value=f"zone {name}")
            slower = {option: _slower(option, first, choice, common) for option in OF_ZONE}
            choice = replace(first, **slower, faulty=first.faulty or choice.faulty)
        seen[name] = choice
    yield from seen.values()


def _slower(option: str, first: ZoneChoice, second: ZoneChoice, common: Globals) -> Any:
    """The slower of what two sections of a zone say; one that says nothing says what globals do."""
    said = [getattr(first, option), getattr(second, option)]
    one, other = (getattr(common, option) if value is None else value for value in said)
    # None stays where neither says anything, or where globals have a fault, which makes the zone slow
    return None if said == [None, None] or None in {one, other} else SLOWER[option](one, other)


def _pair_choices(reader: _Reader) -> Iterator[PairChoice]:
    seen: dict[tuple[str, str], PairChoice] = {}
    for reading in reader.readings("pair", PAIR_CHOICE):
        src, dest, mode = reading.get("src", "*"), reading.get("dest", "*"), reading.get("mode", Mode.NONE)
        choice = PairChoice(src, dest, reading.section.id, mode, faulty=bool(reading.bad))
        if (first := seen.get((src, dest))) is not None and not first.faulty and not choice.faulty:
            reader.refuse(reading, ProblemCode.DUPLICATE_SECTION, value=f"pair {src} > {dest}")
            choice = replace(first, mode=min(first.mode, choice.mode))
        elif first is not None and first.faulty:
            choice = first
        seen[src, dest] = choice
    yield from seen.values()


def _exempts(reader: _Reader) -> Iterator[Exempt]:
    for reading in reader.readings("exempt", EXEMPT):
        section, get = reading.section, reading.get
        ends = {"src": get("src", "*"), "dest": get("dest", "*")}
        name = get("name", "") or section.id
        if reading.bad or _impossible(reader, reading):
            yield Exempt(name, section.id, **ends, faulty=True)
            continue
        protocols = get("proto", ())
        yield Exempt(
            name,
            section.id,
            **ends,
            **{option: get(option, ()) for option in LISTS},
            # one "all" among them means all
            proto=tuple(dict.fromkeys(chain.from_iterable(protocols))) if all(protocols) else (),
            mark=get("mark"),
            dscp=get("dscp"),
        )


def _impossible(reader: _Reader, reading: Reading) -> bool:
    """Good values that mean nothing together: saying so beats guessing."""
    ported = next((option for option in ("src_port", "dest_port") if reading.get(option)), None)
    protocols = reading.get("proto", ())
    if ported is not None and not (protocols and all(protocols)):
        reader.refuse(reading, ProblemCode.PORT_WITHOUT_PROTOCOL, ported)
        return True
    sources, dests = ({net.version for net in reading.get(option, ())} for option in ("src_ip", "dest_ip"))
    if sources and dests and not sources & dests:
        reader.refuse(reading, ProblemCode.MIXED_FAMILIES, "dest_ip")
        return True
    lists = {option: len(reading.get(option, ())) for option in LISTS}
    count = prod(filter(None, lists.values())) * max(len(set(chain.from_iterable(protocols))), 1)
    if count > MOST_COMBINATIONS:
        longest = max(lists, key=lists.__getitem__)
        reader.refuse(reading, ProblemCode.TOO_MANY_COMBINATIONS, longest, count=count, most=MOST_COMBINATIONS)
        return True
    return False
