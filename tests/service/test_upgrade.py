"""The first start after version 0.1.0: each pair that is faster now is listed once, by the log and by check."""

from typing import Any

from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.model.sections.section import Section
from offload.service.bus.ubus_object import METHODS, answer
from offload.service.journal import Journal
from offload.service.memory.upgrade import note_raised
from offload.system.syslog import FakeSystemLog
from service.routers import Fakes, router, section

OLD = (
    section("offload", "globals", "globals", mode="none", taken="none"),
    section("offload", "zone", "lan", name="lan", mode="software"),
)


def started(*sections: Section) -> Fakes:
    """A router whose service has made its first pass."""
    fakes = router()
    fakes.uci.packages["offload"] = sections
    fakes.service.work()
    return fakes


def codes(fakes: Fakes, method: str) -> list[str]:
    found: dict[str, Any] = answer(fakes.service, METHODS[method], {})
    return [each["code"] for each in found["problems"]]


def report(sentence: str) -> None:
    """Nothing keeps the file from being marked."""
    raise AssertionError(sentence)


def logged(fakes: Fakes) -> list[str]:
    """The warnings that the log has of the last pass."""
    log = FakeSystemLog()
    service = fakes.service
    Journal(log, fakes.clock).passed(Cause.START, service.decided, service.applied, service.trouble)
    return [text for level, text in log.lines if level is LogLevel.WARNING]


def test_what_is_faster_now_is_listed_in_the_first_life_only() -> None:
    fakes = started(*OLD)
    note_raised(fakes.service, report)
    assert "/etc/config/offload, globals: lan > wan has mode software now and had none" in str(logged(fakes))
    for _ in range(2):
        assert (codes(fakes, "check"), codes(fakes, "status")) == (["PAIR_RAISED"], ["PAIR_RAISED"])
        fakes.service.work()
        note_raised(fakes.service, report)
    found = fakes.uci.packages["offload"]
    assert isinstance(found, tuple)
    later = started(*found)
    note_raised(later.service, report)
    assert (codes(later, "check"), logged(later)) == ([], [])


def test_a_flash_that_cannot_be_written_is_tried_at_the_next_start() -> None:
    fakes = started(*OLD)
    fakes.uci.refusal = "the flash is full"
    reported: list[str] = []
    for _ in range(3):  # passes: each tries again, and the log has the sentence once
        note_raised(fakes.service, reported.append)
    assert reported == ["the flash is full"]
    assert codes(fakes, "check") == ["PAIR_RAISED"]
    assert fakes.uci.packages["offload"] == OLD


def test_a_file_that_was_not_made_by_0_1_0_is_not_touched() -> None:
    for common in ({"mode": "none"}, {"mode": "none", "taken": "none", "version": "2"}):
        sections = (section("offload", "globals", "globals", **common), OLD[1])
        fakes = started(*sections)
        note_raised(fakes.service, report)
        assert fakes.uci.packages["offload"] == sections
