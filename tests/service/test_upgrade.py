"""The first start after version 0.1.0: each pair that is faster now is listed once, by the log and by check."""

from typing import Any

import pytest

from offload.model.config import Section
from offload.service.ubus_object import METHODS, answer
from offload.service.upgrade import note_raised
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


def test_what_is_faster_now_is_listed_in_the_first_life_only(capsys: pytest.CaptureFixture[str]) -> None:
    fakes = started(*OLD)
    note_raised(fakes.service)
    assert capsys.readouterr().err.startswith(
        "offload: /etc/config/offload, globals: lan > wan has mode software now and had none"
    )
    for _ in range(2):
        assert (codes(fakes, "check"), codes(fakes, "status")) == (["PAIR_RAISED"], ["PAIR_RAISED"])
        fakes.service.work()
        note_raised(fakes.service)
    assert capsys.readouterr().err == ""
    found = fakes.uci.packages["offload"]
    assert isinstance(found, tuple)
    later = started(*found)
    note_raised(later.service)
    assert (codes(later, "check"), capsys.readouterr().err) == ([], "")


def test_a_flash_that_cannot_be_written_is_tried_at_the_next_start(capsys: pytest.CaptureFixture[str]) -> None:
    fakes = started(*OLD)
    fakes.uci.refusal = "the flash is full"
    note_raised(fakes.service)
    assert capsys.readouterr().err.endswith("offload: the flash is full\n")
    assert codes(fakes, "check") == ["PAIR_RAISED"]
    assert fakes.uci.packages["offload"] == OLD


def test_a_file_that_was_not_made_by_0_1_0_is_not_touched(capsys: pytest.CaptureFixture[str]) -> None:
    for common in ({"mode": "none"}, {"mode": "none", "taken": "none", "version": "2"}):
        sections = (section("offload", "globals", "globals", **common), OLD[1])
        fakes = started(*sections)
        note_raised(fakes.service)
        assert (fakes.uci.packages["offload"], capsys.readouterr().err) == (sections, "")
