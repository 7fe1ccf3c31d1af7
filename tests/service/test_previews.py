"""A choice before it is made: what it would change, and that nothing is changed for it."""

from argparse import Namespace
from typing import Any

import pytest

from offload.cli import remote
from offload.model.flow import IPS_OFFLOAD, IPS_SEEN_REPLY
from offload.model.problems.problem import Problem
from offload.model.sections.section import Edit, applied
from offload.service import main
from offload.service.bus.ubus_object import METHODS, answer
from service.routers import Fakes, router, section
from status.routers import entry
from test_cli_service import Router

FAST = IPS_SEEN_REPLY | IPS_OFFLOAD


@pytest.fixture(name="fakes")
def _fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    fakes = router()
    fakes.service.work()
    ports = range(5000, 5003)
    fakes.conntrack.held = [entry(f"192.168.1.50#{port} > 198.51.100.9#443", status=FAST) for port in ports]
    monkeypatch.setattr(main, "doors", lambda: fakes.service.doors)
    return fakes


def asked(fakes: Fakes, **query: Any) -> dict[str, Any]:
    return answer(fakes.service, METHODS["preview"], {"query": query})


def test_what_is_previewed_is_what_set_does(fakes: Fakes) -> None:
    before, sent = dict(fakes.uci.packages), list(fakes.nft.sent)
    preview = asked(fakes, zones={"guest": "software"})
    assert (fakes.uci.packages, fakes.nft.sent) == (before, sent)
    done = answer(fakes.service, METHODS["set"], {"zone": "guest", "mode": "software"})
    assert preview["changed"] == done["changed"] != []
    assert (preview["unchanged"], preview["returned"]) == (done["unchanged"], done["returned"])


def test_flows_that_would_feel_it_are_counted(fakes: Fakes) -> None:
    preview = asked(fakes, zones={"lan": "none"})
    assert preview["changed"] == [{"src": "lan", "dest": "wan", "before": "software", "effective": "none"}]
    assert (preview["returned"], preview["flows"]) == (["flow_offload"], 3)
    assert asked(fakes, zones={"guest": "software"})["flows"] == 0


def test_a_pair_that_the_firewall_permits_no_longer_is_named(fakes: Fakes) -> None:
    sections = fakes.uci.packages["firewall"]
    assert isinstance(sections, tuple)
    fakes.uci.packages["firewall"] = tuple(each for each in sections if each.name != "f1")
    preview = asked(fakes, zones={"guest": "software"})
    done = answer(fakes.service, METHODS["set"], {"zone": "guest", "mode": "software"})
    assert (
        preview["changed"]
        == done["changed"]
        == [
            {"src": "guest", "dest": "wan", "before": "none", "effective": "software"},
            {"src": "lan", "dest": "wan", "before": "software", "effective": "none"},
        ]
    )


def test_a_choice_is_taken_back(fakes: Fakes) -> None:
    answer(fakes.service, METHODS["set_pair"], {"src": "guest", "dest": "wan", "mode": "software"})
    before = dict(fakes.uci.packages)
    slower = {"before": "software", "effective": "none"}
    preview = asked(fakes, zones={"lan": "", "wan": ""}, pairs=[{"src": "guest", "dest": "wan", "mode": ""}])
    assert preview["changed"] == [{"src": src, "dest": "wan"} | slower for src in ("lan", "guest")]
    assert (preview["flows"], preview["problems"], fakes.uci.packages) == (3, [], before)


def test_what_a_choice_gives_way_to_may_be_more_than_there_is(fakes: Fakes) -> None:
    found = fakes.uci.packages["offload"]
    assert isinstance(found, tuple)
    fakes.uci.packages["offload"] = applied(found, [Edit("wan", "zone", "mode", "hardware")])
    fakes.service.work()
    (pair,) = asked(fakes, zones={"lan": ""})["unchanged"]
    assert (pair["src"], pair["mode"], pair["effective"]) == ("lan", "hardware", "software")
    assert [each["code"] for each in pair["reasons"]] == ["HARDWARE_UNCOVERED"]


def test_several_choices_at_once(fakes: Fakes) -> None:
    preview = asked(fakes, zones={"guest": "software"}, pairs=[{"src": "lan", "dest": "wan", "mode": "none"}])
    assert {(each["src"], each["effective"]) for each in preview["changed"]} == {("guest", "software"), ("lan", "none")}


def test_what_would_stay_slow_has_its_reason(fakes: Fakes) -> None:
    exempt = section("offload", "exempt", "e", src="guest", dest="wan")
    sections = fakes.uci.packages["offload"]
    assert isinstance(sections, tuple)
    fakes.uci.packages["offload"] = (*sections, exempt)
    (pair,) = asked(fakes, zones={"guest": "software"})["unchanged"]
    assert (pair["src"], pair["effective"], [each["code"] for each in pair["reasons"]]) == ("guest", "none", ["EXEMPT"])


def test_what_would_get_faster_but_less_than_asked_has_its_reason(fakes: Fakes) -> None:
    (pair,) = asked(fakes, pairs=[{"src": "guest", "dest": "wan", "mode": "hardware"}])["changed"]
    assert (pair["before"], pair["effective"], pair["mode"]) == ("none", "software", "hardware")
    assert [each["code"] for each in pair["reasons"]] == ["HARDWARE_UNCOVERED"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "query: give zones or pairs"),
        ({"zone": "lan"}, "query: give zones or pairs"),
        ({"zones": {"gest": "none"}}, "guest"),
        ({"zones": {"lan": "fast"}}, "is no mode"),
        ({"zones": ["lan"]}, "is not a table"),
        ({"pairs": {"src": "lan"}}, "pairs: give a list"),
        ({"pairs": [{"src": "lan", "mode": "none"}]}, "pairs: each has src, dest, mode, and nothing else"),
        ({"pairs": [{}] * 300}, "256"),
    ],
)
def test_what_cannot_be_meant_is_refused(fakes: Fakes, query: dict[str, Any], sentence: str) -> None:
    reply = asked(fakes, **query)
    assert not reply["ok"] and sentence in reply["error"], reply


@pytest.mark.parametrize("runs", [True, False])
def test_the_command_shows_what_it_would_change(fakes: Fakes, *, runs: bool) -> None:
    before = dict(fakes.uci.packages)
    ran = remote.set_zone(Router(fakes, runs=runs), Namespace(zone="lan", mode="none", dry_run=True))
    assert ran.text == "lan > wan: software -> none\n3 live flows would take the slow path for a few packets."
    ran = remote.set_zone(Router(fakes, runs=runs), Namespace(zone="lan", mode="software", dry_run=True))
    assert ran.text == "No pair would change its path.\nNo live flow would take the slow path."
    ran = remote.set_pair(Router(fakes, runs=runs), Namespace(src="guest", dest="wan", mode="software", dry_run=True))
    assert ran.text == "guest > wan: none -> software\nNo live flow would take the slow path."
    assert fakes.uci.packages == before


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [(0, "No live flow would take the slow path."), (1, "1 live flow would take the slow path for a few packets.")],
)
def test_the_command_counts_the_flows_that_would_feel_it(fakes: Fakes, kept: int, sentence: str) -> None:
    del fakes.conntrack.held[kept:]
    ran = remote.set_zone(Router(fakes, runs=True), Namespace(zone="lan", mode="none", dry_run=True))
    assert ran.text == f"lan > wan: software -> none\n{sentence}"


def test_each_of_many_problems_is_compared_with_few_others(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = tuple(section("offload", "zone", f"z{number}", name=f"nowhere{number}") for number in range(200))
    found = fakes.uci.packages["offload"]
    assert isinstance(found, tuple)
    fakes.uci.packages["offload"] = (*found, *faulty)
    fakes.service.work()
    compared, equal = [0], Problem.__eq__

    def counted(one: Problem, other: object) -> bool:
        compared[0] += 1
        return equal(one, other)

    monkeypatch.setattr(Problem, "__eq__", counted)
    preview = asked(fakes, zones={"guest": "software"})
    assert preview["ok"] and not preview["problems"]
    assert compared[0] < 10 * len(faulty)
