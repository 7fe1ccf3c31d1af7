"""Passes of the engine over fakes: what it sends, what it leaves in the kernel, what it reports."""

import gc
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pytest

from exempts import exempt_of
from offload.compiler.offload.exempts.timed_exempts import comment
from offload.errors import BusError, NftError
from offload.model.config import Mode
from offload.model.kernel.live import LiveTable, TimedElement
from offload.model.network import Kernel, Lack, Neighbour, Station
from offload.model.problems.problem import ProblemCode
from offload.model.problems.reason import ReasonCode
from offload.service.bus import choices
from offload.service.engine import MOST_NEWS, Engine
from offload.service.roaming import follow
from offload.service.roaming.follow import return_tables
from offload.system.netifd import DUMP
from offload.system.nft.complaints import complaint
from service.routers import OFFLOAD, SCENE, Fakes, HoldingNft, router, section, without

SOAK = 10 if os.environ.get("OFFLOAD_SOAK") else 1


def test_the_second_pass_sends_nothing() -> None:
    fakes = router()
    assert fakes.service.work().changes == 1
    again = fakes.service.work()
    assert (again.changes, again.generation, again.error) == (0, 1, "")
    assert len(fakes.nft.sent) == 1


def test_news_are_sent_once() -> None:
    fakes = router()
    fakes.service.work()
    names = [event for event, _ in fakes.service.news]
    assert names == ["offload.applied", *["offload.device"] * 4]
    fakes.service.work()
    assert [event for event, _ in fakes.service.news] == names


def test_events_do_not_pile_up_while_ubusd_is_away() -> None:
    fakes = router()
    for turn in range(3 * MOST_NEWS):
        fakes.netlink.found = without(SCENE, "lan2" if turn % 2 else "lan1")
        fakes.service.work()
    assert len(fakes.service.news) == MOST_NEWS
    assert fakes.service.news[-1][0] == "offload.device"


def test_a_device_that_vanished_meanwhile_is_planned_without() -> None:
    fakes = router()
    fakes.nft.refusals = ["Could not process rule: No such file or directory"]
    before = fakes.netlink.scene

    def scene() -> object:
        found = before()
        fakes.netlink.found = without(SCENE, "lan2")
        return found

    netlink = type("N", (), {"scene": staticmethod(scene), "settings": dict, "legacy_tables": tuple})()
    fakes.service.doors = replace(fakes.service.doors, netlink=netlink)
    applied = fakes.service.work()
    assert (applied.changes, applied.error) == (1, "")
    assert '"lan2"' not in fakes.nft.sent[0] and '"lan1"' in fakes.nft.sent[0]


def test_what_was_sent_before_a_device_vanished_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = router()
    fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
    modes = {"lan": "hardware", "guest": "software"}
    fakes.uci.packages["offload"] = tuple(
        section("offload", "zone", zone, name=zone, mode=mode) for zone, mode in modes.items()
    )
    refusals = ["Error: Could not process rule: No such file or directory"]

    def check(_: HoldingNft, text: str) -> None:
        if "flags offload" in text and refusals and fakes.nft.sent:
            fakes.netlink.found = without(SCENE, "lan2")
            raise complaint(refusals.pop())

    monkeypatch.setattr(HoldingNft, "check", check)
    applied = fakes.service.work()
    assert (applied.error, refusals, applied.generation) == ("", [], 1)
    assert applied.changes == len(fakes.nft.sent) == 3


def test_a_refusal_without_cause_is_not_repeated_and_the_tables_stay() -> None:
    fakes = router()
    fakes.service.work()
    fakes.nft.refusals = ["Out of memory"] * 9
    fakes.netlink.found = without(SCENE, "lan2")
    applied = fakes.service.work()
    assert (applied.generation, applied.error) == (1, "Out of memory")
    assert len(fakes.nft.refusals) == 8
    assert ("offload.degraded", {"error": "Out of memory"}) in fakes.service.news
    fakes.nft.refusals = []
    assert fakes.service.work().error == ""


def test_what_is_refused_is_reported_as_it_was() -> None:
    fakes = router()
    fakes.service.work()
    fakes.nft.refusals = ["Out of memory"] * 9
    reply = choices.set_zone(fakes.service, {"zone": "guest", "mode": "software"})
    assert (reply["ok"], reply["changed"]) == (False, [])
    assert reply["error"] == "written to /etc/config/offload, but not yet in the kernel: Out of memory"
    guest = next(each for each in fakes.service.decided.plan.pairs if each.src == "guest")  # type: ignore[union-attr]  # was decided
    assert (guest.mode, guest.effective, guest.reasons[0].code) == (Mode.SOFTWARE, Mode.NONE, ReasonCode.NOT_APPLIED)
    fakes.nft.refusals = []
    fakes.service.news.clear()
    assert fakes.service.work().changes == 1
    assert ("offload.device", {"name": "br-guest", "flowtables": ["sw"]}) in fakes.service.news


def test_a_device_that_is_busy_in_hardware_leaves_its_pair_in_software(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe bound it; another flowtable has taken it since, and our table is gone."""
    fakes = router()
    fakes.netlink.able = frozenset({"lan1", "lan2", "wan"})
    fakes.uci.packages["offload"] = tuple(
        section("offload", "zone", zone, name=zone, mode=mode)
        for zone, mode in {"lan": "hardware", "wan": "hardware", "guest": "none"}.items()
    )
    fakes.service.work()
    assert any("flags offload" in text for text in fakes.nft.sent)

    def busy(_: HoldingNft, text: str) -> None:
        if "flags offload" in text:
            raise complaint("Error: Could not process rule: Device or resource busy")

    monkeypatch.setattr(HoldingNft, "check", busy)  # which comes before everything it takes
    fakes.nft.held, fakes.nft.took = {}, False
    applied = fakes.service.work()
    assert (applied.changes, applied.error) == (1, "")
    assert "flags offload" not in fakes.nft.sent[-1]
    plan = fakes.service.decided.plan  # type: ignore[union-attr]  # was decided
    assert next(each for each in plan.pairs if each.src == "lan").effective is Mode.SOFTWARE


def test_broken_files_keep_the_last_plan_and_report_the_fault() -> None:
    fakes = router()
    fakes.service.work()
    assert fakes.service.decided
    good = fakes.service.decided.plan
    fakes.uci.packages["offload"] = ProblemCode.FILE_SYNTAX.at("offload", detail="line 2: invalid command")
    applied = fakes.service.work()
    assert "line 2" in applied.error
    assert fakes.service.decided.plan == good
    assert [problem.fault for problem in fakes.service.decided.problems] == [ProblemCode.FILE_SYNTAX]
    assert len(fakes.nft.sent) == 1


def test_while_ubusd_is_away_netifd_s_last_words_count() -> None:
    fakes = router()
    fakes.service.work()
    fakes.bus.replies[DUMP] = BusError("network.interface dump: ubusd went away")
    fakes.service.ubus_away = True
    fakes.netlink.found = without(SCENE, "lan2")
    applied = fakes.service.work()
    assert (applied.error, applied.changes) == ("", 1)
    assert '"lan2"' not in fakes.nft.sent[-1]


def moved(fakes: Fakes) -> None:
    """A phone goes from lan1 to lan2."""
    for port in ("lan1", "lan2"):
        fakes.service.stations.station(Station("02:00:00:00:00:77", port), "br-lan")


def test_a_move_is_followed_without_reading_anything() -> None:
    fakes = router()
    fakes.service.work()
    moved(fakes)
    fakes.bus.replies[DUMP] = BusError("ubus does not answer")
    assert follow.run(fakes.service)
    assert fakes.service.applied.returned == ("flow_offload",)
    assert fakes.nft.sent[-1] == fakes.nft.sent[0]
    assert not follow.run(fakes.service)
    assert len(fakes.nft.sent) == 2


def test_a_move_waits_for_the_pass_where_something_else_changed_too() -> None:
    fakes = router()
    assert not follow.run(fakes.service)
    fakes.service.work()
    moved(fakes)
    fakes.nft.refusals = ["Could not process rule: No such file or directory"]
    fakes.netlink.found = without(SCENE, "lan3")
    assert not follow.run(fakes.service)
    assert fakes.service.work().returned == ("flow_offload",)
    fakes.service.timed_exempts.add(exempt_of("", "match", src_mac=("02:00:00:00:00:77",)), 60, fakes.clock())
    fakes.service.work()
    fakes.clock.now += 1
    moved(fakes)
    assert not follow.run(fakes.service)
    assert fakes.service.work().returned == ("flow_offload",)


def test_a_move_in_an_exempt_s_last_seconds_does_not_begin_it_anew() -> None:
    fakes = router()
    fakes.service.timed_exempts.add(exempt_of("", "match", src_mac=("02:00:00:00:00:77",)), 60, fakes.clock())
    fakes.service.work()
    sent = len(fakes.nft.sent)
    for seconds in (59, 2):
        fakes.clock.now += seconds
        fakes.service.timed_exempts.ended(fakes.clock())
        moved(fakes)
        assert not follow.run(fakes.service)
    assert len(fakes.nft.sent) == sent


def test_a_move_neither_ends_an_error_nor_reports_it_again() -> None:
    fakes = router()
    fakes.service.work()
    fakes.uci.packages["firewall"] = ProblemCode.FILE_SYNTAX.at("firewall", detail="line 3")
    error = fakes.service.work().error
    for _ in range(3):
        fakes.service.news.clear()
        fakes.clock.now += 61
        moved(fakes)
        assert follow.run(fakes.service)
        assert (fakes.service.applied.error, fakes.service.applied.returned) == (error, ("flow_offload",))
        fakes.service.work()
        assert [name for name, _ in fakes.service.news] == ["offload.applied"]


@dataclass(slots=True)
class Slow(HoldingNft):
    """An nft that gives no answer the first times it is asked what there is."""

    silent: int = 2

    def live(self, names: Iterable[str], known: Mapping[str, LiveTable] | None = None) -> dict[str, LiveTable]:
        if self.silent:
            self.silent -= 1
            raise NftError("nft did not answer within 10 seconds")
        return HoldingNft.live(self, names, known)


def test_exempts_of_an_earlier_life_survive_an_nft_that_is_silent_at_first() -> None:
    earlier = router()
    earlier.service.timed_exempts.add(exempt_of("", "match", src_mac=("02:00:00:00:00:77",)), 3600, earlier.clock())
    earlier.service.work()
    (timed_exempt,) = earlier.service.timed_exempts.living(earlier.clock())
    (held,) = earlier.nft.live(["flow_offload"]).values()
    name = next(name for name in held.elements if name.startswith("exempt"))
    timed = TimedElement(name, "02:00:00:00:00:77", comment(timed_exempt), 3600, 3500)
    nft = Slow(held={held.name: replace(held, timed=(timed,))})
    later = Engine(replace(earlier.service.doors, nft=nft))
    for _ in range(2):
        assert later.work().error == "nft did not answer within 10 seconds"
        assert (nft.sent, later.decided) == ([], None)
    assert (later.work().changes, nft.sent) == (0, [])
    assert [(each.id, each.expires) for each in later.timed_exempts.living(earlier.clock())] == [(1, 3500)]
    nft.silent = 1  # later it is a failure like any other
    assert later.work().error and later.timed_exempts.living(earlier.clock())
    assert later.work().changes == 0


def test_the_tables_stay_while_ubusd_is_away() -> None:
    fakes = router()
    fakes.service.work()
    fakes.bus.replies[DUMP] = BusError("network.interface dump: ubusd went away")
    assert "ubusd went away" in fakes.service.work().error
    assert fakes.service.decided is not None and len(fakes.nft.sent) == 1


def test_a_kernel_that_cannot_is_trouble_but_no_reason_to_remove_anything() -> None:
    fakes = router(Kernel("6.1", flowtable=False, nft="1.0.6", missing=(Lack("no flowtables", "kmod-nft-offload"),)))
    assert fakes.service.work().error == ""
    assert "kmod-nft-offload" in fakes.service.trouble
    assert fakes.nft.sent == []


def test_a_station_that_the_bridge_had_forgotten_has_moved_all_the_same() -> None:
    fakes = router()
    station = Station("02:00:00:00:00:01", "lan1")
    fakes.netlink.found = replace(SCENE, stations=(station,))
    fakes.service.work()
    fakes.netlink.found = SCENE
    assert fakes.service.work().changes == 0
    fakes.netlink.found = replace(SCENE, stations=(replace(station, port="lan2"),))
    assert fakes.service.work().returned == ("flow_offload",)
    assert fakes.service.work().changes == 0


def test_there_and_back_again_between_two_passes_is_two_moves() -> None:
    fakes = router()
    fakes.service.work()
    seen = fakes.service.stations
    moves = [seen.station(Station("02:00:00:00:00:01", port), "br-lan") for port in ("lan1", "lan2", "lan1", "lan1")]
    assert moves == [False, True, True, False]
    assert fakes.service.work().returned == ("flow_offload",)


def test_an_address_with_another_mac_returns_the_table_that_leads_to_it() -> None:
    fakes = router()
    fakes.service.work()
    seen = fakes.service.stations
    assert not seen.neighbour(Neighbour("192.168.1.9", "br-lan", "02:00:00:00:00:01"))
    assert seen.neighbour(Neighbour("192.168.1.9", "br-lan", "02:00:00:00:00:02"))
    assert fakes.service.work().returned == ("flow_offload",)
    seen.neighbour(Neighbour("10.0.0.9", "tun0", "02:00:00:00:00:01"))
    seen.neighbour(Neighbour("10.0.0.9", "tun0", "02:00:00:00:00:02"))
    assert fakes.service.work().changes == 0


def test_what_is_remembered_of_stations_has_an_end() -> None:
    fakes = router()
    for number in range(20_000):
        fakes.service.stations.station(Station(f"02:{number:010x}", "lan1"), "br-lan")
    assert len(fakes.service.stations.known) == 16_384


def test_a_zone_that_comes_into_the_file_is_followed() -> None:
    fakes = router()
    fakes.service.work()
    others = tuple(each for each in OFFLOAD if each.options["name"] != "guest")
    fakes.uci.packages["offload"] = (*others, section("offload", "zone", "g", name="guest", mode="software"))
    applied = fakes.service.work()
    assert (applied.changes, applied.returned) == (1, ())
    assert '"br-guest" . "wan" : goto policy_0' in fakes.nft.sent[1]


@pytest.mark.slow
def test_thousands_of_appearances_leave_memory_flat() -> None:
    """A device that comes and goes with every pass; what a real kernel says to that, tests/kernel asks."""
    fakes = router()

    def appear(times: int) -> int:
        for turn in range(times):
            fakes.netlink.found = (SCENE, without(SCENE, "lan2"))[turn % 2]
            fakes.service.work()
            fakes.service.news.clear()
            fakes.nft.sent.clear()
            fakes.bus.calls.clear()
        gc.collect()
        return len(gc.get_objects())

    before = appear(100)
    assert appear(1000 * SOAK) <= before + 100


def test_sets_are_listed_again_only_after_others_touched_our_tables() -> None:
    fakes = router()
    for trusting in (0, 1, 2):
        fakes.service.work()
        assert fakes.nft.trusting == trusting
    fakes.service.touched = True
    fakes.service.work()
    fakes.service.forget()
    fakes.service.work()
    assert fakes.nft.trusting == 2
    fakes.service.work()
    assert fakes.nft.trusting == 3


def test_after_a_return_that_failed_everything_is_listed() -> None:
    fakes = router()
    fakes.service.work()
    fakes.nft.refusals = ["busy"]
    assert not fakes.service.touched
    assert return_tables(fakes.service, ["flow_offload"]) == {"flow_offload"}
    assert fakes.service.touched


def test_after_a_refusal_everything_is_listed() -> None:
    fakes = router()
    fakes.service.work()
    fakes.uci.packages["offload"] = ()
    fakes.nft.refusals = ["busy"] * 3
    assert fakes.service.work().error == "busy"
    assert fakes.service.touched
