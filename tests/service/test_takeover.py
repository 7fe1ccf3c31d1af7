"""The take-over and its way back as ubus methods: both files, the firewall's reload, and what the pairs get."""

from typing import Any

import pytest

from offload.errors import BusError
from offload.service.bus.takeover import CHANGED
from offload.service.bus.ubus_object import METHODS, answer
from service.routers import FIREWALL, Fakes, router, section

SWITCH = section("firewall", "defaults", "d", flow_offloading="1")
GLOBALS = section("offload", "globals", "globals", mode="none")
PROCD = "service event"


def call(fakes: Fakes, method: str) -> dict[str, Any]:
    return answer(fakes.service, METHODS[method], {})


@pytest.fixture(name="fakes")
def _fakes() -> Fakes:
    """A router on which fw4 offloads everything."""
    fakes = router()
    fakes.uci.packages |= {"firewall": (SWITCH, *FIREWALL), "offload": (GLOBALS,)}
    fakes.bus.replies[PROCD] = {}
    fakes.service.work()
    return fakes


def option(fakes: Fakes, package: str, name: str) -> Any:
    return fakes.uci.packages[package][0].options.get(name)  # type: ignore[index]  # no Problem here


def test_the_switch_becomes_our_mode_and_the_firewall_is_reloaded(fakes: Fakes) -> None:
    found = call(fakes, "takeover")
    assert (found["ok"], found["changed"], found["reloading"]) == (True, True, True)
    assert found["pairs"] == [
        {"src": src, "dest": "wan", "before": "none", "effective": "software"} for src in ("lan", "guest")
    ]
    assert (option(fakes, "firewall", "flow_offloading"), option(fakes, "offload", "mode")) == ("0", "software")
    assert fakes.bus.calls.count(("service", "event", CHANGED)) == 1


def test_a_second_take_over_changes_nothing(fakes: Fakes) -> None:
    call(fakes, "takeover")
    sent, calls = len(fakes.nft.sent), len(fakes.bus.calls)
    assert call(fakes, "takeover") == {"ok": True, "changed": False}
    assert (len(fakes.nft.sent), len(fakes.bus.calls)) == (sent, calls)


def test_it_is_given_back(fakes: Fakes) -> None:
    call(fakes, "takeover")
    found = call(fakes, "giveback")
    assert found["changed"] and [each["effective"] for each in found["pairs"]] == ["none", "none"]
    assert (option(fakes, "firewall", "flow_offloading"), option(fakes, "offload", "mode")) == ("1", "none")
    assert fakes.bus.calls.count(("service", "event", CHANGED)) == 2
    assert found["problems"] == []  # that fw4 offloads again is what was asked for


def test_without_procd_the_firewall_is_still_to_be_reloaded(fakes: Fakes) -> None:
    fakes.bus.replies[PROCD] = BusError("service event: no answer within 5 s")
    found = call(fakes, "takeover")
    assert found["ok"] and found["reloading"] is False
    assert option(fakes, "firewall", "flow_offloading") == "0"


def test_nothing_is_taken_where_all_would_be_slow(fakes: Fakes) -> None:
    fakes.uci.packages["offload"] = (section("offload", "globals", "globals", enabled="0"),)
    found = call(fakes, "takeover")
    assert not found["ok"] and "set enabled to 1 or mend it" in found["error"]
    assert option(fakes, "firewall", "flow_offloading") == "1"


def test_a_file_that_refuses_is_named_and_procd_hears_nothing(fakes: Fakes) -> None:
    fakes.uci.refusal = "/etc/config/offload cannot be written (No space left on device); nothing was changed in it"
    assert call(fakes, "takeover") == {"ok": False, "error": fakes.uci.refusal}
    assert ("service", "event", CHANGED) not in fakes.bus.calls
