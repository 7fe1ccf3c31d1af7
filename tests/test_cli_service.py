"""The command and the service's answers: asked of one that runs, and given by the command itself where none does."""

import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offload.cli import local, remote
from offload.cli import router as cli_router
from offload.cli.answer import Answer, Exit
from offload.cli.exempts import exempt as verb
from offload.cli.verbs import VERBS, matches
from offload.compiler.offload.exempts.timed_exempts import comment
from offload.compiler.offload.tables.table import expected
from offload.errors import UsageError
from offload.model.kernel.live import TimedElement
from offload.model.network import Address, Kernel, Lack, Link
from offload.model.problems.problem import ProblemCode
from offload.service import main
from offload.service.bus.ubus_object import METHODS, answer
from offload.system.directory.router_directory import RouterDirectory
from offload.system.netifd import DUMP
from service.routers import OFFLOAD, SCENE, Fakes, router, section
from service.test_nft_files import USERS, Dry, asking
from status.routers import entry

LACKING = Kernel("6.1", flowtable=False, nft="1.0.6", missing=(Lack("no flowtables", "kmod-nft-offload"),))
SENTENCE = "no flowtables; install kmod-nft-offload"
HOST = "192.168.1.50"
FLOWS = Namespace(**dict.fromkeys(("zone", "host", "state", "sort", "limit", "offset")), all=False)


class Router(cli_router.Router):
    """The command's router made of the service's fakes; `runs`: a service answers."""

    def __init__(self, fakes: Fakes, *, runs: bool = False) -> None:
        super().__init__(None)
        self.fakes, self.runs = fakes, runs
        self.nft, self.uci = fakes.nft, fakes.uci  # type: ignore[assignment]  # fakes of both

    def snapshot(self) -> Any:
        assert self.fakes.service.decided
        return self.fakes.service.with_routes(self.fakes.service.decided), {}

    def service_reply(self, method: str, words: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        return answer(self.fakes.service, METHODS[method], words or {}) if self.runs else None


@pytest.fixture(name="fakes")
def _fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    fakes = router()
    fakes.service.work()
    monkeypatch.setattr(main, "doors", lambda: fakes.service.doors)
    return fakes


def holding(fakes: Fakes, timeout: int) -> None:
    """The kernel has a timed exempt, as it tells it."""
    assert answer(fakes.service, METHODS["exempt_add"], {"match": {"src_ip": HOST}, "timeout": timeout})["ok"]
    assert fakes.service.decided
    (timed_exempt,) = fakes.service.timed_exempts.living(fakes.clock())
    for table in fakes.service.decided.plan.tables:
        held = expected(table)
        name = next(name for name in held.elements if name.startswith("exempt"))
        fakes.nft.held[table.name] = replace(
            held, timed=(TimedElement(name, HOST, comment(timed_exempt), timeout, timeout),)
        )
    fakes.nft.took = False


@pytest.mark.parametrize("verb", ["apply", "reload"])
def test_what_the_kernel_lacks_is_reported_by_the_service_too(verb: str) -> None:
    fakes = router(LACKING)
    fakes.service.work()
    ran = VERBS[verb].run(Router(fakes, runs=True), Namespace(dry_run=False))
    assert (ran.text, ran.code, ran.notes) == ("Nothing was sent.", Exit.LACKING, (SENTENCE,))
    assert ran.data["missing"] == [SENTENCE]


def test_a_mode_that_the_kernel_cannot_have_is_written_and_reported() -> None:
    fakes = router(LACKING)
    fakes.service.work()
    for run, given in (
        (remote.set_zone, Namespace(zone="guest", mode="software", dry_run=False)),
        (remote.set_pair, Namespace(src="lan", dest="wan", mode="software", dry_run=False)),
    ):
        ran = run(Router(fakes, runs=True), given)
        assert (ran.code, ran.notes) == (Exit.LACKING, (SENTENCE,))
        assert ran.text == "Written, but nothing takes effect: kernel or nft cannot do it."


def many_zones(count: int) -> Fakes:
    """All of them may reach all others, which is more than ubus carries."""
    fakes = router()
    names = [f"zone{number}" for number in range(count)]
    devices = [f"eth{number}" for number in range(count)]
    fakes.uci.packages["firewall"] = (
        section("firewall", "defaults", "d", forward="ACCEPT"),
        *(section("firewall", "zone", name, name=name, network=(name,)) for name in names),
    )
    dump = [
        {"interface": name, "up": True, "l3_device": device, "device": device}
        for name, device in zip(names, devices, strict=True)
    ]
    fakes.bus.replies[DUMP] = {"interface": dump}
    addresses = tuple(Address(name, ip_interface(f"10.{place}.0.1/24")) for place, name in enumerate(devices))
    fakes.netlink.found = replace(SCENE, links=tuple(Link(name, "dsa") for name in devices), addresses=addresses)
    fakes.uci.packages["offload"] = (section("offload", "globals", "g", mode="software"),)
    fakes.service.work()
    return fakes


def test_items_missing_from_a_large_answer_are_counted() -> None:
    asking = Router(many_zones(40), runs=True)
    ran = local.status(asking, Namespace(zone=None, short=False))
    lost = ran.data["left_off"]["pairs"]
    assert lost + len(ran.data["pairs"]) == 1600
    assert (ran.code, ran.notes) == (
        Exit.DONE,
        (f"pairs ({lost}) are left off: the answer is larger than ubus carries",),
    )


def test_exempts_missing_from_a_large_answer_are_counted() -> None:
    reply = {"ok": True, "exempts": [], "left_off": {"exempts": 3}}
    router_ = cast("cli_router.Router", SimpleNamespace(live_reply=lambda _, __: reply))
    ran = exempt(router_, action="list")
    assert ran.notes == ("exempts (3) are left off: the answer is larger than ubus carries",)


def exempt(asked: cli_router.Router, **given: object) -> Answer:
    return verb.exempt(asked, Namespace(**{"id": None, "timeout": None, **dict.fromkeys(matches()), **given}))


def add(fakes: Fakes, **match: list[str]) -> Answer:
    return exempt(Router(fakes), action="add", **match)


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(("limit", "total"), [(20, 700), (600, 700), (600, 300)])
def test_a_list_of_flows_has_the_same_keys_however_long_and_by_whom(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, limit: int, total: int, *, alone: bool
) -> None:
    monkeypatch.setattr(cli_router.Router, "can_list_flows", lambda _: alone)
    fakes.conntrack.held = [entry(f"192.168.1.5#{port} > 198.51.100.1#443") for port in range(1, total + 1)]
    ran = local.flow_list(Router(fakes, runs=not alone), Namespace(**vars(FLOWS) | {"limit": str(limit)}))
    data = json.loads("\n".join(ran.written(True, 80))) if ran.written else ran.data
    assert bool(ran.written) == (alone and limit == 600)
    assert data.keys() == {"ok", "total", "offset", "limit", "flows", "age"}
    assert (data["total"], data["limit"], len(data["flows"])) == (total, limit, min(limit, total))


def test_an_exempt_that_no_table_could_hold_is_refused(fakes: Fakes) -> None:
    fakes.uci.packages["offload"] = ()
    ran = add(fakes, src_ip=[HOST])
    assert (ran.code, ran.data["ok"]) == (Exit.FAILED, False)
    assert "start the service" in ran.notes[0] and "config exempt" in ran.notes[0]


def test_an_exempt_that_the_kernel_keeps_needs_no_service(fakes: Fakes) -> None:
    assert add(fakes, src_ip=[HOST]).text == "Exempt 1 keeps it slow for 1 h; to end it before: offload exempt delete 1"
    assert f'{HOST} timeout 3600s expires 3600s comment "1 ' in fakes.nft.sent[-1]


def test_without_the_service_a_flow_is_slow_for_what_the_kernel_holds(fakes: Fakes) -> None:
    holding(fakes, 3600)
    fakes.conntrack.held = [entry(f"{HOST}#1000 > 198.51.100.1#443")]
    for runs in (False, True):
        (flow,) = local.flow_list(Router(fakes, runs=runs), FLOWS).data["flows"]
        assert [each["code"] for each in flow["reasons"]] == ["EXEMPTED"], runs


def test_a_file_that_stops_everything_leaves_nothing_pending(fakes: Fakes) -> None:
    fakes.nft.live(["flow_offload"])
    fakes.uci.packages["firewall"] = ProblemCode.FILE_SYNTAX.at("firewall", detail="line 3")
    ran = local.status(Router(fakes), Namespace(zone=None, short=False))
    assert ran.data["applied"]["pending"] == 0
    assert "line 3" in ran.data["applied"]["error"]
    assert "offload apply" not in ran.text


def test_the_run_time_exempts_are_listed_without_the_connections(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    holding(fakes, 3600)
    monkeypatch.setattr(fakes.conntrack, "listed", lambda _: pytest.fail("the connections were read"))
    ran = exempt(Router(fakes, runs=True), action="list")
    assert HOST in ran.text
    assert ran.data["exempts"][0]["match"]["src_ip"] == [HOST]


def test_exempts_of_both_kinds_are_listed_and_deleted(fakes: Fakes) -> None:
    holding(fakes, 3600)
    tv = section("offload", "exempt", "tv", name="TV", src_ip=("192.168.1.9",), proto="udp")
    off = section("offload", "exempt", "off", enabled="0", src_ip="192.168.1.6")
    fakes.uci.packages["offload"] = (*OFFLOAD, tv, off)
    lines = exempt(Router(fakes, runs=True), action="list").text.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "tv", "off"]
    assert (
        lines[1].split(maxsplit=3)[1:] == ["for", "good", "name=TV src_ip=192.168.1.9 proto=udp"]
        and "switched off" in lines[2]
    )
    for name, text in (("1", "Exempt 1 is deleted."), ("TV", "Exempt tv is deleted from /etc/config/offload.")):
        ran = exempt(Router(fakes, runs=True), action="delete", id=name)
        assert (ran.code, ran.text) == (Exit.DONE, text)
    with pytest.raises(UsageError, match="has no exempt '9999"):
        exempt(Router(fakes, runs=True), action="delete", id="9" * 5000)
    left = exempt(Router(fakes, runs=True), action="list")
    assert left.text.split()[0] == "off"


def test_what_deletes_an_exempt_tells_the_problems_of_the_configuration(fakes: Fakes) -> None:
    tv = section("offload", "exempt", "tv", name="TV", src_ip=("192.168.1.9",))
    fakes.uci.packages["offload"] = (*OFFLOAD, tv, section("offload", "zone", "z", name="nowhere", mode="none"))
    ran = exempt(Router(fakes, runs=True), action="delete", id="tv")
    assert ran.code == Exit.PROBLEMS and "no zone 'nowhere'" in ran.notes[0]


def test_a_snapshot_has_the_files_that_the_firewall_has_yet_to_load(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither their names, which people choose, nor what nft quotes of them, unless that is asked for."""
    fakes = asking(Dry("/usr/b.nft"))
    monkeypatch.setattr(main, "doors", lambda: fakes.service.doors)
    refused = "nft refuses it, and would refuse the whole firewall"
    for names, paths, why in (
        (False, ["1.nft", "2.nft"], refused),
        (True, [USERS, "/usr/b.nft"], f"{refused}: syntax error"),
    ):
        copy = tmp_path / str(names)
        assert local.take_snapshot(Router(fakes), Namespace(directory=str(copy), with_names=names)).code is Exit.DONE
        lte, other = RouterDirectory(copy).snapshot().unloaded
        assert [lte.path, other.path] == paths
        assert ([rule.does for rule in lte.rules], lte.why, other.why) == (["ttl"], "", why)


def test_who_is_not_root_gets_a_long_list_from_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel shows its connections to root alone."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(cli_router.Router, "service_reply", lambda *_: {"pairs": []})
    assert not cli_router.Router(None).can_list_flows()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert cli_router.Router(None).can_list_flows()
