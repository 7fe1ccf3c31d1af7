"""The lines of the log: one for each change, with its cause, and not too many at once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.model.network import Kernel, Lack, Link
from offload.model.problems.reason import ReasonCode
from offload.service.engine import Engine
from offload.service.journal import APART, BURST, MADE_AGAIN, Journal
from offload.service.roaming.moves import LEFT_OUT
from offload.system.syslog import LONGEST, FakeSystemLog, one_line
from service.firewalls import RULES, firewall_router, rule
from service.routers import SCENE, Fakes, router, section, without

STARTED = (LogLevel.INFO, "start: lan > wan none -> software; sw + br-lan, lan1, lan2, wan")

RETURNED = "the flows of flow_offload take the slow path for a moment"


class Watched:
    """A router, and the log of its passes."""

    def __init__(self, fakes: Fakes | None = None) -> None:
        self.fakes, self.log = fakes or router(), FakeSystemLog()
        self.journal = Journal(self.log, self.fakes.clock)

    @property
    def service(self) -> Engine:
        return self.fakes.service

    def passed(self, cause: Cause) -> list[tuple[LogLevel, str]]:
        """The lines of one pass."""
        self.log.lines.clear()
        self.service.work()
        self.journal.passed(cause, self.service.decided, self.service.applied, self.service.trouble)
        return list(self.log.lines)

    def configured(self, *sections: tuple[str, dict[str, str]]) -> None:
        """What /etc/config/offload has from now on."""
        made = (section("offload", kind, f"s{number}", **options) for number, (kind, options) in enumerate(sections))
        self.fakes.uci.packages["offload"] = tuple(made)


def test_the_first_pass_logs_what_it_set_up() -> None:
    assert Watched().passed(Cause.START) == [STARTED]


def test_a_pass_without_a_change_is_a_line_for_debugging_only() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    assert watched.passed(Cause.LINK) == []
    watched.configured(
        ("zone", {"name": "lan", "mode": "software"}),
        ("zone", {"name": "wan", "mode": "software"}),
        ("zone", {"name": "guest", "mode": "none"}),
        ("globals", {"log_level": "debug"}),
    )
    assert watched.passed(Cause.RELOAD) == [(LogLevel.DEBUG, "/etc/config/offload changed: nothing to change")]


def test_a_choice_is_reported_with_its_file() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    watched.configured(("zone", {"name": "lan", "mode": "software"}), ("zone", {"name": "guest", "mode": "software"}))
    assert watched.passed(Cause.RELOAD) == [
        (LogLevel.INFO, "/etc/config/offload changed: guest > wan none -> software; sw + br-guest")
    ]


def test_a_device_that_goes_and_comes_is_reported_by_its_name() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    watched.fakes.netlink.found = without(SCENE, "lan2")
    (line,) = watched.passed(Cause.LINK)
    assert line == (LogLevel.INFO, f"device lan2 came or went: sw - lan2; {RETURNED}")
    watched.fakes.netlink.found = replace(SCENE, links=(*SCENE.links, Link("lan3", "dsa", master="br-lan")))
    assert watched.passed(Cause.LINK) == [(LogLevel.INFO, "devices lan2, lan3 came or went: sw + lan2, lan3")]


def test_a_device_that_was_made_again_is_reported() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    again = tuple(replace(each, index=70) if each.name == "wan" else each for each in SCENE.links)
    watched.fakes.netlink.found = replace(SCENE, links=again)
    assert watched.passed(Cause.LINK) == [(LogLevel.INFO, f"a device or address changed: {MADE_AGAIN}")]


def test_a_firewall_that_forbids_is_reported() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    firewall = watched.fakes.uci.packages["firewall"]
    assert isinstance(firewall, tuple)
    watched.fakes.uci.packages["firewall"] = tuple(each for each in firewall if each.id != "f1")
    lines = watched.passed(Cause.RELOAD)
    assert (
        LogLevel.INFO,
        "/etc/config/firewall changed: lan > wan software -> none; sw - br-lan, lan1, lan2, wan",
    ) in lines


def test_a_refusal_is_reported_once_and_so_is_its_end() -> None:
    watched = Watched()
    watched.fakes.nft.refusals = ["no such file"] * 30
    assert watched.passed(Cause.START) == [
        (LogLevel.ERR, "the last good state stays, and it is tried again: no such file")
    ]
    assert watched.passed(Cause.CALL) == []
    watched.fakes.nft.refusals = []
    assert watched.passed(Cause.CALL) == [(LogLevel.NOTICE, "works again"), STARTED]


def test_what_the_kernel_lacks_is_reported_with_the_package() -> None:
    lacking = Kernel("6.1", flowtable=False, nft="1.0.6", missing=(Lack("no flowtables", "kmod-nft-offload"),))
    lines = Watched(router(lacking)).passed(Cause.START)
    assert (LogLevel.WARNING, "nothing can be offloaded: no flowtables; install kmod-nft-offload") in lines


def test_a_fault_of_the_firewall_alone_does_not_say_that_nothing_is_offloaded() -> None:
    host = firewall_router()
    watched = Watched(host.fakes)
    host.boot.refusal = "/var/run/offload/firewall.nft cannot be written: No space left on device"
    unkept = f"the firewall is loaded, but its next start will not know it: {host.boot.refusal}"
    assert [text for level, text in watched.passed(Cause.START) if level is LogLevel.WARNING] == [unkept]
    assert watched.passed(Cause.CALL) == []
    host.boot.refusal = ""
    assert watched.passed(Cause.CALL) == [(LogLevel.NOTICE, "works again")]
    host.configure(*RULES, rule(9))
    host.nft.bad = ("chain input_lan",)
    refused = (LogLevel.WARNING, "the firewall is as it was before: syntax error, unexpected word")
    assert refused in watched.passed(Cause.CALL)


def test_an_exempt_is_a_change_of_rules_and_not_of_what_the_kernel_had() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    lan = ("zone", {"name": "lan", "mode": "software"})
    watched.configured(lan, ("exempt", {"src_ip": "192.168.1.50"}))
    watched.passed(Cause.RELOAD)
    watched.configured(lan, ("exempt", {"src_ip": "192.168.1.60"}))
    ((_, line),) = watched.passed(Cause.RELOAD)
    assert line == "/etc/config/offload changed: our tables have other rules (exempts, after_packets, families)"


def test_tables_that_another_program_flushed_are_reported_as_back() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    watched.fakes.nft.live(["flow_offload"])
    watched.fakes.nft.held, watched.service.touched = {}, True
    assert watched.passed(Cause.TABLES) == [
        (LogLevel.INFO, "nftables changed: the kernel had something else in our tables, and has them again")
    ]


def test_a_load_of_the_firewall_is_a_change_of_its_own() -> None:
    host = firewall_router()
    watched = Watched(host.fakes)
    assert (LogLevel.INFO, f"{STARTED[1]}; the firewall was loaded") in watched.passed(Cause.START)
    host.configure(*RULES, rule(9))
    assert watched.passed(Cause.CALL) == [(LogLevel.INFO, f"a call over ubus: the firewall was loaded; {RETURNED}")]


def test_a_fault_of_the_configuration_is_logged_once() -> None:
    watched = Watched()
    watched.configured(("zone", {"name": "lan", "mode": "fast"}))
    faults = [text for level, text in watched.passed(Cause.START) if level is LogLevel.WARNING]
    assert len(faults) == 1 and "'fast'" in faults[0]
    assert not watched.passed(Cause.CALL)


def test_what_hardware_shows_is_logged_once() -> None:
    watched = Watched()
    wrong = ReasonCode.HARDWARE_STRAYS(count=7)
    for _ in range(3):
        watched.journal.hardware([(("lan", "wan"), (wrong,))])
    assert watched.log.lines == [(LogLevel.WARNING, f"lan > wan: {wrong.text}")]
    watched.journal.hardware([])
    watched.journal.hardware([(("lan", "wan"), (wrong,))])
    assert len(watched.log.lines) == 2


def test_a_bridge_whose_stations_move_too_often_is_reported_once_and_so_is_its_end() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    tracker, clock = watched.service.stations, watched.fakes.clock
    tracker.moves._left_out["br-lan"] = clock.now + LEFT_OUT
    words = ReasonCode.STATIONS_MOVE(master="br-lan").text
    assert watched.passed(Cause.STATION) == [
        (LogLevel.WARNING, words),
        (LogLevel.INFO, f"stations moved too often, or do so no longer: sw - lan1, lan2; {RETURNED}"),
    ]
    assert watched.passed(Cause.STATION) == []
    clock.now += LEFT_OUT + 1
    assert watched.passed(Cause.PORTS_RETURN) == [
        (LogLevel.NOTICE, "stations of br-lan are followed again: its ports may be listed"),
        (LogLevel.INFO, "stations moved too often, or do so no longer: sw + lan1, lan2"),
    ]


def test_new_problems_are_logged_in_one_order() -> None:
    watched = Watched()
    watched.configured(*(("zone", {"name": f"nowhere{number}", "mode": "software"}) for number in range(9)))
    faults = [line for level, line in watched.passed(Cause.START) if level is LogLevel.WARNING]
    assert len(faults) == 9
    assert faults == sorted(faults)


def test_a_change_that_returns_no_table_names_no_flows() -> None:
    watched = Watched()
    watched.passed(Cause.START)
    watched.log.lines.clear()
    changed = watched.service.applied.then(1, "2026-11-29T20:00:00Z")
    watched.journal.followed(changed, Cause.ENDED)
    assert watched.log.lines == []
    watched.journal.followed(changed.then(1, "2026-11-29T20:00:01Z", returned=("flow_offload",)), Cause.ROUTES)
    assert watched.log.lines == [(LogLevel.INFO, f"{Cause.ROUTES.value}: {RETURNED}")]


@pytest.mark.parametrize("level", list(LogLevel))
def test_the_level_leaves_out_what_matters_less(level: LogLevel) -> None:
    watched = Watched()
    watched.journal.level = level
    for each in LogLevel:
        watched.journal.line(each, "text")
    assert [each for each, _ in watched.log.lines] == [each for each in LogLevel if each <= level]


def test_a_flood_is_cut_and_counted() -> None:
    watched = Watched()
    for number in range(500):
        watched.journal.line(LogLevel.INFO, str(number))
    assert len(watched.log.lines) == BURST
    watched.fakes.clock.now += APART
    watched.journal.line(LogLevel.INFO, "later")
    assert watched.log.lines[BURST:] == [
        (LogLevel.WARNING, "480 lines before this one are left out: too many at once"),
        (LogLevel.INFO, "later"),
    ]


def test_an_hour_of_a_device_that_comes_and_goes_is_a_line_in_three_seconds() -> None:
    watched = Watched()
    for half_second in range(7200):
        watched.fakes.clock.now = 1000 + half_second / 2
        watched.journal.line(LogLevel.INFO, "device came or went")
    assert len(watched.log.lines) <= 2 * (3600 / APART) + BURST


def test_a_word_that_is_no_level_slows_nothing() -> None:
    watched = Watched()
    watched.configured(("globals", {"log_level": "loud", "mode": "software"}))
    lines = watched.passed(Cause.START)
    assert watched.journal.level is LogLevel.INFO
    assert any("'loud' is not known here" in text for _, text in lines)
    assert any("lan > wan none -> software" in text for _, text in lines)


@given(st.text(max_size=3000))
def test_a_line_is_one_line_of_bounded_length(text: str) -> None:
    line = one_line(text)
    assert len(line) <= LONGEST and line.isprintable()
