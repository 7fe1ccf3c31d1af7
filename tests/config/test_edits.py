"""The changes that set, pair, takeover and giveback make to the files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from offload.config import edits
from offload.config.load import load
from offload.errors import FileError
from offload.model.config import Mode
from offload.model.sections.section import Edit, Removal, Section, applied
from offload.service.bus.takeover import give, take
from offload.system.config.uci import FakeUci, Uci


def section(kind: str, name: str, /, **options: str) -> Section:
    return Section("offload", kind, name, name, options)


def modes(sections: Sequence[Section]) -> dict[str, object]:
    return {each.name: each.options.get("mode") for each in sections}


def test_without_a_section_those_behind_it_have_the_number_of_their_new_place() -> None:
    anonymous = [Section("offload", "exempt", f"cfg0{n}", f"@exempt[{n}]", {}) for n in (0, 2)]
    sections = (anonymous[0], section("exempt", "tv"), anonymous[1], section("zone", "lan"))
    assert [each.id for each in applied(sections, [Removal("cfg00")])] == ["tv", "@exempt[1]", "lan"]
    assert [each.id for each in applied(sections, [Removal("tv")])] == ["@exempt[0]", "@exempt[1]", "lan"]


def test_a_zone_without_a_section_gets_one_with_a_name() -> None:
    assert edits.zone_mode((), "guest", Mode.NONE) == [
        Edit("guest", "zone", "name", "guest"),
        Edit("guest", "zone", "mode", "none"),
    ]


def test_a_name_that_uci_refuses_or_another_section_has_is_changed() -> None:
    taken = (section("exempt", "my_zone_2"), section("exempt", "my_zone_2_2"))
    assert edits.zone_mode(taken, "my-zone.2", Mode.NONE)[0].section == "my_zone_2_3"


@pytest.mark.parametrize("zone", ["cfg012345", "cfg0392bd", "cfg-012345", "CFG012345"])
def test_a_zone_that_is_named_as_uci_names_sections_without_a_name(tmp_path: Path, zone: str) -> None:
    (tmp_path / "offload").write_text("config globals 'globals'\n\nconfig zone\n\toption name 'lan'\n")
    uci = Uci(tmp_path)
    for mode in (Mode.SOFTWARE, Mode.NONE):
        found = uci.read("offload")
        assert isinstance(found, tuple)
        uci.write("offload", edits.zone_mode(found, zone, mode))
    after = uci.read("offload")
    assert isinstance(after, tuple)
    assert [section.options for section in after if section.options.get("name") == zone] == [
        {"name": zone, "mode": "none"}
    ]


def test_a_zone_section_without_the_option_name_has_its_own() -> None:
    own = section("zone", "guest", mode="none")
    assert edits.zone_mode((own,), "guest", Mode.SOFTWARE) == [Edit("guest", "zone", "mode", "software")]
    named = section("zone", "guest", name="lan")
    assert edits.zone_mode((named,), "guest", Mode.SOFTWARE)[0] == Edit("guest_2", "zone", "name", "guest")


def test_every_section_of_a_zone_gets_the_mode_for_the_lower_one_would_win() -> None:
    sections = (section("zone", "a", name="lan", mode="none"), section("zone", "b", name="lan"), section("zone", "c"))
    assert modes(applied(sections, edits.zone_mode(sections, "lan", Mode.HARDWARE))) == {
        "a": "hardware",
        "b": "hardware",
        "c": None,
    }


def test_a_pair_is_not_its_reverse() -> None:
    sections = (section("pair", "back", src="wan", dest="lan", mode="none"),)
    changed = applied(sections, edits.pair_mode(sections, "lan", "wan", Mode.SOFTWARE))
    assert modes(changed) == {"back": "none", "lan_wan": "software"}


def files(switch: dict[str, str], ours: dict[str, str] | None = None) -> FakeUci:
    firewall = (Section("firewall", "defaults", "cfg01", "@defaults[0]", {"input": "REJECT", **switch}),)
    return FakeUci({"firewall": firewall, "offload": (section("globals", "globals", **(ours or {"mode": "none"})),)})


class Halting(FakeUci):
    """One whose flash is full after `left` more writes."""

    left = 9

    def __init__(self, switch: dict[str, str]) -> None:
        super().__init__(files(switch).packages)

    def write(self, package: str, edits: Sequence[Edit | Removal]) -> None:
        self.left -= 1
        self.refusal = "the flash is full" if self.left < 0 else ""
        super().write(package, edits)


def options(uci: FakeUci, package: str) -> dict[str, object]:
    found = uci.packages[package]
    assert isinstance(found, tuple)
    return dict(found[0].options)


@pytest.mark.parametrize(
    ("switch", "mode"),
    [
        ({"flow_offloading": "1"}, "software"),
        ({"flow_offloading": "true", "flow_offloading_hw": "1"}, "hardware"),
    ],
)
def test_fw4_s_switch_becomes_our_mode_and_goes_back(switch: dict[str, str], mode: str) -> None:
    uci = files(switch)
    assert take(uci) is True
    assert options(uci, "offload") == {"mode": mode, "taken": mode, "version": "2"}
    assert options(uci, "firewall") == {"input": "REJECT", **dict.fromkeys(switch, "0")}
    config, problems = load({"firewall": (), "network": (), "offload": uci.packages["offload"]})
    assert config.globals.mode is Mode(mode) and not problems
    assert take(uci) is False

    assert give(uci) is True
    assert options(uci, "offload") == {"mode": "none", "taken": "none", "version": "2"}
    assert options(uci, "firewall") == {"input": "REJECT", **dict.fromkeys(switch, "1")}
    assert give(uci) is False
    assert take(uci, once=True) is False


def test_removed_it_forgets_and_installed_again_it_asks_again() -> None:
    uci = files({"flow_offloading": "1"})
    assert take(uci, once=True) is True
    assert give(uci, forget=True) is True
    assert options(uci, "offload") == {"mode": "none", "version": "2"}
    assert options(uci, "firewall")["flow_offloading"] == "1"
    assert take(uci, once=True) is True


@pytest.mark.parametrize("switch", ["0", "1"])
def test_who_was_asked_once_is_not_asked_again(switch: str) -> None:
    uci = files({"flow_offloading": switch})
    assert take(uci, once=True) is (switch == "1")
    assert options(uci, "offload")["taken"] == {"0": "none", "1": "software"}[switch]
    uci.write("firewall", [Edit("cfg01", "defaults", "flow_offloading", "1")])  # the user, later
    assert take(uci, once=True) is False
    assert options(uci, "firewall")["flow_offloading"] == "1"
    assert take(uci) is True  # by hand it is always done


@pytest.mark.parametrize("hand", [take, give])
def test_what_could_not_be_written_leaves_all_as_fast_and_takeover_completes_it(hand: Callable[..., bool]) -> None:
    uci = Halting({"flow_offloading": "1"})
    if hand is give:
        take(uci, once=True)
    uci.left = 1
    with pytest.raises(FileError):
        hand(uci)
    assert "software" in options(uci, "offload").values() or options(uci, "firewall")["flow_offloading"] == "1"
    uci.left = 9
    assert take(uci, once=hand is take) is True
    assert options(uci, "offload") == {"mode": "software", "taken": "software", "version": "2"}


@pytest.mark.parametrize(
    ("switch", "ours"),
    [
        ({"flow_offloading": "0"}, {"mode": "software"}),  # never taken
        ({"flow_offloading": "0"}, {"mode": "none", "taken": "software"}),  # the user chose another mode since
        ({"flow_offloading": "1"}, {"mode": "software", "taken": "software"}),  # fw4 was switched on since
    ],
)
def test_what_was_not_taken_or_was_changed_since_stays(switch: dict[str, str], ours: dict[str, str]) -> None:
    uci = files(switch, ours)
    assert give(uci) is False
    assert (options(uci, "offload"), options(uci, "firewall")["flow_offloading"]) == (ours, switch["flow_offloading"])


@pytest.mark.parametrize(
    ("ours", "more", "back"),
    [
        ({}, (), True),
        ({}, (section("zone", "a", name="lan"), section("zone", "b", name="wan", mode="software")), True),
        ({}, (section("pair", "a", src="lan", dest="wan", mode="hardware"),), True),
        ({"enabled": "0"}, (), False),
        ({"family": "ipv7"}, (), False),
        ({"exclude_device": "br-lan,lan1"}, (), False),
        ({}, (section("globals", "more", enabled="0"),), False),
        ({}, (section("zone", "a", name="guest", mode="none"),), False),
        ({}, (section("zone", "a", name="guest", mode="quick"),), False),
        ({}, (section("pair", "a", src="lan", dest="wan", mode="none"),), False),
        ({}, (section("pair", "a", src="lan", dest="wan"),), False),
    ],
)
def test_what_was_made_slow_since_is_not_made_fast(
    ours: dict[str, str], more: tuple[Section, ...], *, back: bool
) -> None:
    uci = files({"flow_offloading": "1"})
    take(uci)
    uci.write("offload", [Edit("globals", "globals", option, value) for option, value in ours.items()])
    found = uci.packages["offload"]
    assert isinstance(found, tuple)
    uci.packages["offload"] = (*found, *more)
    assert give(uci, forget=True) is back
    assert options(uci, "firewall")["flow_offloading"] == str(int(back))
    assert "taken" not in options(uci, "offload")


def test_a_mode_that_is_none_of_ours_was_not_taken() -> None:
    assert give(files({"flow_offloading": "0"}, {"mode": "x", "taken": "x"})) is False


def test_fw4_reads_the_first_defaults_only_and_so_does_takeover() -> None:
    def two(first: str, second: str) -> FakeUci:
        uci = files({"flow_offloading": first})
        later = Section("firewall", "defaults", "cfg02", "@defaults[1]", {"flow_offloading": second})
        uci.packages["firewall"] = (*uci.packages["firewall"], later)  # type: ignore[misc]  # no Problem
        return uci

    assert take(two("0", "1")) is False
    uci = two("1", "1")
    assert take(uci) is True
    assert [each.options["flow_offloading"] for each in uci.packages["firewall"]] == ["0", "1"]  # type: ignore[union-attr]  # no Problem
    assert give(uci) is True
    assert options(uci, "firewall")["flow_offloading"] == "1"


@pytest.mark.parametrize("ours", [{"enabled": "0"}, {"enabled": "off", "mode": "software"}, {"family": "ipv7"}])
def test_what_would_leave_all_flows_slow_is_not_taken_over_with_a_reason(ours: dict[str, str]) -> None:
    uci = files({"flow_offloading": "1"}, ours)
    with pytest.raises(FileError, match=r"nothing is taken over: .*/etc/config/offload.* set enabled to 1"):
        take(uci)
    assert options(uci, "offload") == ours
    assert take(uci, once=True) is False
    assert options(uci, "offload") == {**ours, "taken": "none", "version": "2"}
    assert options(uci, "firewall")["flow_offloading"] == "1"


def test_choices_made_under_0_1_0_are_not_marked_as_newer() -> None:
    """Their file has `taken` and no version; `check` lists what the new rule raises until the service has logged it."""
    uci = files({"flow_offloading": "1"}, {"mode": "none", "taken": "none"})
    assert take(uci, once=True) is False
    assert take(uci) is True
    assert "version" not in options(uci, "offload")


def test_a_second_globals_section_counts_too() -> None:
    uci = files({"flow_offloading": "1"})
    uci.packages["offload"] = (section("globals", "globals"), section("globals", "more", enabled="0"))
    with pytest.raises(FileError, match="nothing is taken over"):
        take(uci)


def test_nothing_to_take_over_writes_nothing() -> None:
    uci = files({})
    uci.refusal = "the file system is read-only"
    assert take(uci) is False
