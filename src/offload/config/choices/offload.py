"""Read the sections of /etc/config/offload: `load` gives the Choices and Problems."""

from collections.abc import Callable, Iterator, Mapping
from operator import add, and_, or_
from typing import Any

from offload.config.choices.exempts import exempt
from offload.config.choices.offload_reading import Reading, read
from offload.config.choices.offload_tables import FATAL, GLOBALS, HARMLESS, PACKAGES, PAIR_CHOICE, ZONE_CHOICE
from offload.config.choices.options import FALSE
from offload.config.schema import Table
from offload.model.config import HARDWARE_RETRY, Family, Globals, Mode, PairChoice, ZoneChoice
from offload.model.log import LogLevel
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.exempts import Exempt
from offload.model.sections.section import Section
from offload.model.text.similar import did_you_mean
from offload.nouns import dataclass, field, replace

CONSEQUENCE = {
    "globals": "zones without a mode of their own stay on the slow path, the others go on without it",
    "zone": "the zone stays on the slow path",
    "pair": "the pair stays on the slow path",
}
OF_ZONE = ("mode", "family", "after_packets")  # options of a zone's section that default to those of globals
NO_EFFECT = "this section has no effect"
# by type of section: the options that name zones. Sections of other types have none.
NAMING = {"zone": ("name",), "pair": ("src", "dest"), "exempt": ("src", "dest")}
# How two sections' values of an option become one: lists are joined; where traffic is concerned, the slower one counts.
SLOWER: Mapping[str, Callable[[Any, Any], Any]] = {
    "enabled": and_,
    "mode": min,
    "family": and_,
    "after_packets": max,
    "device": add,
    "exclude_device": add,
    "auto_exempt": or_,
    "auto_software": or_,
    "cut_refused": and_,
    "log_level": max,
    "hardware_retry": max,
    "taken": min,
    "version": min,
}


# `zones`: names of the firewall's zones in use; `disabled`: those with `option enabled '0'`. A faulty zone is in
# neither.
@dataclass(slots=True)
class _Reader:
    sections: tuple[Section, ...]
    zones: frozenset[str]
    disabled: frozenset[str]
    problems: list[Problem] = field(default_factory=list)

    def readings(self, kind: str, table: Table) -> Iterator[Reading]:
        # Sections that have an effect: not disabled ones, those that name no zone or one not in `zones`, and faulty
        # ones with `*`. Problems are added for all that are enabled.
        for section in self.of(kind):
            first = read(section, table, "")
            effect = self._names_zones(first) and not (first.bad and "*" in _named(section).values())
            reading = read(section, table, CONSEQUENCE[kind] if effect else NO_EFFECT)
            self.problems.extend(reading.problems)
            if effect:
                yield reading

    def of(self, kind: str) -> Iterator[Section]:
        # No disabled sections, and none for a disabled zone, which is a Problem. `globals` are never left out: their
        # `enabled` is for all offload.
        for section in self.sections:
            if section.type != kind or (kind != "globals" and section.options.get("enabled") in FALSE):
                continue
            named = _named(section)
            disabled = {option: name for option, name in named.items() if name in self.disabled}
            for option, name in disabled.items():
                words = {"value": name, "consequence": NO_EFFECT}
                self.problems.append(ProblemCode.DISABLED_ZONE.at("offload", section.id, option, **words))
            if not disabled:
                yield with_name(section)

    def _names_zones(self, reading: Reading) -> bool:
        names = {option: reading.get(option) for option in NAMING.get(reading.section.type, ())}
        for option, name in names.items():
            if name not in {None, "*", *self.zones}:
                words = {"value": name, "hint": did_you_mean(name, self.zones), "consequence": NO_EFFECT}
                self.refuse(reading, ProblemCode.UNKNOWN_ZONE, option, **words)
        return all(name in {"*", *self.zones} for name in names.values())

    def refuse(self, reading: Reading, fault: ProblemCode, option: str = "", **words: object) -> None:
        # without the word `consequence` it is that of the section's type
        words.setdefault("consequence", CONSEQUENCE[reading.section.type])
        self.problems.append(fault.at("offload", reading.section.id, option, **words))


def _named(section: Section) -> dict[str, str]:
    options = NAMING.get(section.type, ())
    return {option: name for option in options if isinstance(name := section.options.get(option), str)}


def with_name(section: Section) -> Section:
    """The section; a `config zone 'guest'` without option `name` becomes a copy with `guest` as that option."""
    if section.type != "zone" or "name" in section.options or section.id.startswith("@"):
        return section
    return replace(section, options={"name": section.name, **section.options})


@dataclass(frozen=True, slots=True)
class Choices:
    """What the sections of /etc/config/offload choose, and their Problems.

    Zone and pair sections choose nothing if they are disabled, name no zone or one that is not in use, or have a fault
    beside a `*`; with another fault their choice is `faulty`. Sections for the same zone, or the same src and dest, are
    one choice with the slower values.
    """

    globals: Globals  # `config globals`
    zones: tuple[ZoneChoice, ...]  # `config zone` sections, one choice for each zone
    # by `config pair`, one for each pair; before them a faulty `* > *` for each globals section with a FATAL fault
    pairs: tuple[PairChoice, ...]
    exempts: tuple[Exempt, ...]  # `config exempt` sections that have an effect
    problems: tuple[Problem, ...]  # faults of the sections that are not disabled


def load(sections: tuple[Section, ...], zones: frozenset[str], disabled: frozenset[str] = frozenset()) -> Choices:
    """Read all sections of /etc/config/offload; sections of unknown type are Problems.

    `zones`: names of the firewall's zones in use; `disabled`: names of its zones with `option enabled '0'`. An enabled
    section for one of these has no effect, and is a Problem.
    """
    reader = _Reader(sections, zones, disabled)
    known = PACKAGES["offload"]
    for section in sections:
        if section.type not in known:
            words = {"type": section.type, "hint": did_you_mean(section.type, known)}
            reader.problems.append(ProblemCode.UNKNOWN_SECTION.at("offload", section.id, **words))
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
    # Of an option in several sections the slower value counts. With a fault that concerns traffic the mode is None; a
    # faulty family or after_packets is None. Of other faulty options the valid values count; without any, `enabled` is
    # False, and the others have their default.
    values: dict[str, Any] = {}
    for reading in readings:
        for option, value in reading.values.items():
            values[option] = SLOWER[option](values[option], value) if option in values else value
    for reading in readings[1:]:
        reader.refuse(reading, ProblemCode.DUPLICATE_SECTION, value="globals")
    bad = frozenset[str]().union(*(reading.bad for reading in readings)) - HARMLESS
    return Globals(
        section=readings[0].section.id if readings else "globals",
        enabled=values.get("enabled", "enabled" not in bad),
        mode=None if bad else values.get("mode", Mode.NONE),
        after_packets=None if "after_packets" in bad else values.get("after_packets", 0),
        family=None if "family" in bad else values.get("family", Family.ANY),
        devices=values.get("device", ()),
        exclude_devices=values.get("exclude_device", ()),
        auto_exempt=values.get("auto_exempt", True),
        auto_software=values.get("auto_software", True),
        cut_refused=values.get("cut_refused", False),
        log_level=values.get("log_level", LogLevel.INFO),
        hardware_retry=values.get("hardware_retry", HARDWARE_RETRY),
        old_rule="taken" in values and "version" not in values,
    )


def _any_pair(readings: list[Reading]) -> Iterator[PairChoice]:
    # a faulty choice for all pairs, which keeps them slow, for each globals section with a fault in FATAL options
    for reading in readings:
        if reading.bad & FATAL:
            yield PairChoice("*", "*", reading.section.id, Mode.NONE, faulty=True)


def _zone_choices(reader: _Reader, common: Globals) -> Iterator[ZoneChoice]:
    seen: dict[str, ZoneChoice] = {}
    for reading in reader.readings("zone", ZONE_CHOICE):
        name = reading.get("name")
        values = {option: reading.get(option) for option in OF_ZONE}
        choice = ZoneChoice(name, reading.section.id, **values, faulty=bool(reading.bad))
        if (first := seen.get(name)) is not None:
            reader.refuse(reading, ProblemCode.DUPLICATE_SECTION, "name", value=f"zone {name}")
            slower = {option: _slower(option, first, choice, common) for option in OF_ZONE}
            choice = replace(first, **slower, faulty=first.faulty or choice.faulty)
        seen[name] = choice
    yield from seen.values()


def _slower(option: str, first: ZoneChoice, second: ZoneChoice, common: Globals) -> Any:
    # None: neither section has the option. Where only one has it, its mode counts; of other options the slower of its
    # value and that of globals, or None if globals have a fault there.
    values = [getattr(first, option), getattr(second, option)]
    if option == "mode":
        return min((value for value in values if value is not None), default=None)
    one, other = (getattr(common, option) if value is None else value for value in values)
    # None: neither has one, or globals have a fault, which makes the zone slow
    return None if values == [None, None] or None in {one, other} else SLOWER[option](one, other)


def _pair_choices(reader: _Reader) -> Iterator[PairChoice]:
    seen: dict[tuple[str, str], PairChoice] = {}
    for reading in reader.readings("pair", PAIR_CHOICE):
        src, dest, mode = reading.get("src"), reading.get("dest"), reading.get("mode", Mode.NONE)
        choice = PairChoice(src, dest, reading.section.id, mode, faulty=bool(reading.bad))
        if (first := seen.get((src, dest))) is not None and not first.faulty and not choice.faulty:
            reader.refuse(reading, ProblemCode.DUPLICATE_SECTION, value=f"pair {src} > {dest}")
            choice = replace(first, mode=min(first.mode, choice.mode))
        elif first is not None and first.faulty:
            choice = first
        seen[src, dest] = choice
    yield from seen.values()


def _exempts(reader: _Reader) -> Iterator[Exempt]:
    for section in reader.of("exempt"):
        found, problems = exempt(section, reader.zones)
        reader.problems.extend(problems)
        if found is not None:
            yield found
