"""The edits that set, pair, takeover and giveback make in /etc/config/{offload,firewall}; nothing is written."""

# All sections for a zone or pair get the new mode: otherwise the lower mode of another section would win.
import re
from collections.abc import Iterable, Sequence

from offload.config.choices import offload as choices
from offload.config.choices.options import TRUE
from offload.errors import FileError
from offload.model.config import UNNAMED, Mode
from offload.model.sections.section import Edit, Removal, Section
from offload.nouns import replace

TAKEN = "taken"  # in globals: the mode that fw4's option had at the take-over, until it is given back
# globals.version: the version of the file's meaning. 0.1.0 wrote `taken` and no version, and gave a zone without a mode
# that of globals; since version 2 the mode of such a zone's pairs comes from the other zone.
VERSION = ("version", "2")

Write = tuple[str, list[Edit]]  # a package and its changes, in the order in which they are written


def zone_mode(sections: Sequence[Section], zone: str, mode: Mode | None) -> list[Edit]:
    """The edits that set `mode` in each `config zone` for the zone, or that add one if there is none.

    None: the option is deleted from each, and nothing is added. Disabled sections get the mode and stay disabled.
    `sections`: of /etc/config/offload. It is not checked whether the zone exists.
    """
    named = ((section, choices.with_name(section).options.get("name")) for section in sections)
    own = [section for section, name in named if section.type == "zone" and name == zone]
    if mode is None:
        return [Edit(section.name, "zone", "mode") for section in own]
    return _set_mode(sections, own, "zone", {"name": zone}, mode)


def pair_mode(sections: Sequence[Section], src: str, dest: str, mode: Mode | None) -> list[Edit | Removal]:
    """The edits that set `mode` in each `config pair` with these `src` and `dest`, or that add one if there is none.

    None: these sections are deleted, as a pair without a mode is a fault. `sections`: of /etc/config/offload; `src`,
    `dest`: zones or `*`, where `*` finds sections with `*` only. Disabled sections get the mode and stay disabled.
    """
    ends = {"src": src, "dest": dest}
    own = [
        section
        for section in sections
        if section.type == "pair" and {end: section.options.get(end) for end in ends} == ends
    ]
    if mode is None:
        return [Removal(section.name) for section in own]
    return [*_set_mode(sections, own, "pair", ends, mode)]


def _set_mode(
    sections: Sequence[Section], own: Iterable[Section], kind: str, words: dict[str, str], mode: Mode
) -> list[Edit]:
    edits = [Edit(section.name, kind, "mode", mode.value) for section in own]
    if edits:
        return edits
    name = _free_name("_".join("any" if word == "*" else word for word in words.values()), sections)
    return [Edit(name, kind, option, value) for option, value in {**words, "mode": mode.value}.items()]


def _free_name(wanted: str, sections: Sequence[Section]) -> str:
    # valid, not in use, and none of those that uci gives to sections without a name (`cfg012345`)
    plain = re.sub(r"[^A-Za-z0-9_]", "_", wanted)
    plain = f"zone_{plain}" if UNNAMED.fullmatch(plain) else plain
    taken = {section.name for section in sections}
    numbered = (f"{plain}_{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (plain, *numbered) if name not in taken)


def version_edit(offload: Sequence[Section]) -> list[Edit]:
    """A list of one Edit: it sets `version` to 2, whatever it was, in the first `config globals`, or in a new one.

    `offload`: the sections of /etc/config/offload.
    """
    return [Edit(_globals(offload), "globals", *VERSION)]


def takeover(firewall: Sequence[Section], offload: Sequence[Section], *, once: bool = False) -> list[Write]:
    """The edits that switch fw4's flow_offloading off and write its mode to `globals.mode` and `globals.taken`.

    `firewall`, `offload`: sections of the two files. Returns [(package, edits)], to be written in this order; [] if
    fw4's option is off. FileError if the mode would have no effect: `config globals` is disabled, has a fault, or has a
    second section with a lower mode. `globals.version` is set where neither `version` nor `taken` is there.

    `once`: for the boot. [] if `taken` is there. If fw4's option is off or the mode would have no effect, `taken` is
    set to none, without FileError.
    """
    if once and any(TAKEN in section.options for section in offload):
        return []
    name = _globals(offload)
    known = any({TAKEN, VERSION[0]} & section.options.keys() for section in offload)
    new = [] if known else version_edit(offload)
    asked = [("offload", [*new, Edit(name, "globals", TAKEN, Mode.NONE.value)])]
    switch = _defaults(firewall)
    if switch is None or switch.options.get("flow_offloading") not in TRUE:
        return asked if once else []
    mode = Mode.HARDWARE if switch.options.get("flow_offloading_hw") in TRUE else Mode.SOFTWARE
    if not _would_hold(mode, name, offload):
        if once:
            return asked
        raise FileError(
            "nothing is taken over: by 'config globals' in /etc/config/offload (option enabled '0', or a fault that "
            "`offload check` names) every flow would be slow; set enabled to 1 or mend it, then ask again"
        )
    off = [
        Edit(switch.name, "defaults", option, "0")
        for option in ("flow_offloading", "flow_offloading_hw")
        if option in switch.options
    ]
    # If the second cannot be written, fw4 still decides, and another take-over completes it.
    return [
        ("offload", [*new, Edit(name, "globals", "mode", mode.value)]),
        ("firewall", off),
        ("offload", [Edit(name, "globals", TAKEN, mode.value)]),
    ]


def _would_hold(mode: Mode, name: str, offload: Sequence[Section]) -> bool:
    # True if there is no `globals` section. `enabled 0`, a fault that concerns traffic, or a lower mode in another
    # `globals` section would prevent it.
    ours = [section for section in offload if section.type == "globals"]
    written = [
        replace(section, options={**section.options, "mode": mode.value}) if section.name == name else section
        for section in ours
    ]
    found = choices.load(tuple(written), frozenset()).globals
    return not ours or (found.enabled and found.mode is mode)


def giveback(firewall: Sequence[Section], offload: Sequence[Section], *, forget: bool = False) -> list[Write]:
    """The edits that undo `takeover`, in its form: fw4's flow_offloading on as before, `globals.mode` and `taken` none.

    [] if nothing was taken over, fw4's option is on, its `config defaults` is missing, the mode in `taken` is not that
    of `globals` now or would have no effect (as in `takeover`), or a zone or pair has a lower mode. `forget`: `taken`
    is deleted, also where [] would be returned although `taken` is there.
    """
    found = [section for section in offload if section.type == "globals" and TAKEN in section.options]
    if not found:
        return []
    ours = found[0]
    taken = _mode(ours.options[TAKEN])
    asked = Edit(ours.name, "globals", TAKEN, None if forget else Mode.NONE.value)
    defaults = _defaults(firewall)
    untouched = (
        _mode(ours.options.get("mode", "")) is taken is not Mode.NONE
        and _would_hold(taken, ours.name, offload)
        and not any(_asks_less(section, taken) for section in offload)
    )
    if not untouched or defaults is None or defaults.options.get("flow_offloading") in TRUE:
        return [("offload", [asked])] if forget else []
    switch = [Edit(defaults.name, "defaults", "flow_offloading", "1")]
    if taken is Mode.HARDWARE:
        switch.append(Edit(defaults.name, "defaults", "flow_offloading_hw", "1"))
    # If the second cannot be written, everything is as fast as before.
    return [("firewall", switch), ("offload", [Edit(ours.name, "globals", "mode", Mode.NONE.value), asked])]


def _asks_less(section: Section, than: Mode) -> bool:
    # A zone without a mode has that of globals; a pair without one is faulty, and so slow.
    absent = {"zone": than.value, "pair": ""}
    return section.type in absent and _mode(section.options.get("mode", absent[section.type])) < than


def _mode(word: str | tuple[str, ...]) -> Mode:
    return next((mode for mode in Mode if mode.value == word), Mode.NONE)


def _defaults(firewall: Sequence[Section]) -> Section | None:
    # the first, as fw4 ignores others
    return next((section for section in firewall if section.type == "defaults"), None)


def _globals(offload: Sequence[Section]) -> str:
    return next((section.name for section in offload if section.type == "globals"), "globals")
