"""`explain` over ubus and by the command: which connections it chooses, and the reasons it gives for each."""

from argparse import Namespace
from typing import Any

import pytest

from offload.cli import local
from offload.cli.answer import Exit
from offload.model.flow import IPS_OFFLOAD, Entry
from offload.model.network import Leaving
from offload.service import main
from offload.service.bus.ubus_object import METHODS, answer
from offload.status.text.explain_text import explain_text
from service.routers import Fakes, router
from status.routers import entry
from test_cli_service import Router

LAN = "192.168.1.50#5000 > 198.51.100.9#443"
GUEST = "192.168.2.50#5001 > 198.51.100.9#443"


@pytest.fixture(name="fakes")
def _fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    fakes = router()
    fakes.service.work()
    fakes.conntrack.held = [entry(LAN), entry(GUEST), entry(LAN.replace("5000", "6000"))]
    fakes.nft.remembered = {("flow_offload", "replied4", key(port)) for port in (5000, 6000)}
    monkeypatch.setattr(main, "doors", lambda: fakes.service.doors)
    return fakes


def key(port: int) -> bytes:
    """Of the set of accepted replies, for a connection of LAN; the fake's id is the source port."""
    return bytes((192, 168, 1, 50, 198, 51, 100, 9)) + port.to_bytes(4, "big")


def asked(fakes: Fakes, **query: Any) -> dict[str, Any]:
    return answer(fakes.service, METHODS["explain"], {"query": query})


def codes(reply: dict[str, Any]) -> list[str]:
    return [each["code"] for each in reply["explanations"]]


def test_a_connection_by_its_ends(fakes: Fakes) -> None:
    reply = asked(fakes, text="udp 192.168.2.50:5001 198.51.100.9:443")
    assert (codes(reply), reply["total"]) == (["MODE_NONE"], 1)
    assert reply["explanations"][0]["remedy"] == "choose another: offload set guest software"
    assert codes(asked(fakes, text="udp 198.51.100.9:443 192.168.2.50:5001")) == ["MODE_NONE"]  # as replies have it


def test_a_port_that_is_left_out_means_any(fakes: Fakes) -> None:
    assert codes(asked(fakes, text="udp 192.168.1.50 198.51.100.9:443")) == ["WAITING", "WAITING"]


def test_a_host(fakes: Fakes) -> None:
    assert codes(asked(fakes, text="192.168.1.50")) == ["WAITING", "WAITING"]
    assert asked(fakes, text="192.168.9.9")["explanations"] == []


def test_a_flow_of_the_page(fakes: Fakes) -> None:
    flow = {"proto": "udp", "src": "192.168.1.50", "sport": 5000, "dest": "198.51.100.9", "dport": 443, "ct_zone": 0}
    (found,) = asked(fakes, flow=flow)["explanations"]
    assert (found["flow"]["sport"], found["hypothetical"]) == (5000, False)
    (other,) = asked(fakes, flow=flow | {"ct_zone": 5})["explanations"]
    assert other["hypothetical"]


def test_a_missing_connection_is_explained_by_what_it_would_get(fakes: Fakes) -> None:
    (found,) = asked(fakes, text="tcp 192.168.1.77:1 198.51.100.9:443")["explanations"]
    assert found["hypothetical"] and found["sentence"].startswith("It would be fast in software")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "query: give one of text and flow"),
        ({"text": "a", "flow": {}}, "query: give one of"),
        ({"host": "1.2.3.4"}, "query: give one of"),
        ({"text": "nonsense"}, "name a host"),
        ({"text": 7}, "name a host"),
        ({"flow": {"proto": "tcp"}}, "flow: name one connection"),
        ({"flow": {"proto": "smoke", "src": "::1", "sport": 1, "dest": "::2", "dport": 1}}, "'smoke' is no protocol"),
    ],
)
def test_what_cannot_be_meant_is_refused(fakes: Fakes, query: dict[str, Any], sentence: str) -> None:
    assert sentence in asked(fakes, **query)["error"]


@pytest.mark.parametrize("runs", [True, False])
def test_the_command_shows_every_step_with_and_without_the_service(fakes: Fakes, *, runs: bool) -> None:
    words = ["udp", "192.168.2.50:5001", ">", "198.51.100.9:443"]
    ran = local.explain(Router(fakes, runs=runs), Namespace(connection=words))
    lines = ran.text.splitlines()
    assert ran.code is Exit.DONE
    assert lines[0] == "udp 192.168.2.50:5001 > 198.51.100.9:443  guest > wan"
    assert [line.split()[:2] for line in lines if line.split()[:1] == ["no"]] == [["no", "pair"], ["no", "path"]]
    assert lines[-2:] == [
        "It is slow: mode none was chosen for zone guest.",
        "What to do: choose another: offload set guest software.",
    ]


def test_several_connections_are_a_sentence_each(fakes: Fakes) -> None:
    text = local.explain(Router(fakes, runs=True), Namespace(connection=["192.168.1.50"])).text
    assert text.count("It is slow: it qualifies") == 2


def test_a_host_without_connections_gets_what_a_new_one_would_get(fakes: Fakes) -> None:
    expected = asked(fakes, text="192.168.1.99")["expected"]
    assert (expected["host"], expected["fact"]) == ("192.168.1.99", "192.168.1.99 is in zone lan, on br-lan")
    (wan,) = (each for each in expected["pairs"] if each["dest"] == "wan")
    assert (wan["src"], wan["code"], wan["sentence"][:26]) == ("lan", "", "It would be fast in softwa")
    text = local.explain(Router(fakes, runs=True), Namespace(connection=["192.168.1.99"])).text
    assert text.startswith("No connection of 192.168.1.99 is known now.\n192.168.1.99 is in zone lan, on br-lan.\n")
    command = "offload explain tcp 192.168.1.99 198.51.100.9:443"  # in a line of its own, to be copied
    assert text.endswith(f"name its two ends:\n    {command}")
    answer(fakes.service, METHODS["exempt_add"], {"match": {"src_ip": "192.168.1.99"}, "timeout": 60})
    (wan,) = (each for each in asked(fakes, text="192.168.1.99")["expected"]["pairs"] if each["dest"] == "wan")
    assert (wan["code"], wan["sentence"][:19]) == ("EXEMPTED", "It would stay slow:")


@pytest.mark.parametrize(
    ("host", "fact"),
    [
        ("192.168.1.1", "192.168.1.1: the router itself, whose own connections are never offloaded"),
        ("fe80::50", "fe80::50: never forwarded"),
        ("8.8.8.8", "8.8.8.8 is in zone wan, on wan"),
        ("192.168.9.0/24", ""),
    ],
)
def test_where_nothing_is_expected_the_way_to_ask_is_shown(fakes: Fakes, host: str, fact: str) -> None:
    found = asked(fakes, text=host)
    assert found["expected"] == {"host": host, "fact": fact, "pairs": []}
    text = explain_text(found)
    assert " ".join(text.split()).endswith("name its two ends: offload explain tcp SRC DEST:PORT")


def test_a_fast_connection_is_no_older_on_its_path_than_the_return_of_its_table(fakes: Fakes) -> None:
    fakes.service.work(forced=("flow_offload",))
    fakes.conntrack.held = [entry(LAN, status=IPS_OFFLOAD)]
    (found,) = asked(fakes, text="192.168.1.50")["explanations"]
    (path,) = [step["fact"] for step in found["steps"] if step["name"] == "path"]
    assert f"since {fakes.service.applied.time} or later" in path
    fakes.service.work()  # a pass that returns nothing changes nothing of it
    (later,) = asked(fakes, text="192.168.1.50")["explanations"]
    assert path in [step["fact"] for step in later["steps"]]


def test_one_connection_is_not_looked_for_in_a_list_of_all(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    connections = fakes.conntrack.entries()
    monkeypatch.setattr(fakes.conntrack, "find", lambda *_: connections)
    monkeypatch.setattr(fakes.conntrack, "entries", lambda: pytest.fail("the connections were listed"))
    assert codes(asked(fakes, text="udp 192.168.2.50:5001 198.51.100.9:443")) == ["MODE_NONE"]


def step(reply: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in reply["explanations"][0]["steps"] if each["name"] == name)
    return dict(found)


def test_a_host_is_looked_for_and_a_network_is_chosen_from_all(fakes: Fakes) -> None:
    def unlisted(**_: bool) -> list[Entry]:
        raise AssertionError("all were listed")

    found = fakes.conntrack.of_host(bytes((192, 168, 1, 50)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fakes.conntrack, "entries", unlisted)
        patch.setattr(fakes.conntrack, "of_host", lambda _: found)
        assert codes(asked(fakes, text="192.168.1.50")) == ["WAITING", "WAITING"]
    assert codes(asked(fakes, text="192.168.1.0/24")) == ["WAITING", "WAITING"]


def test_the_kernel_says_whether_a_reply_was_accepted(fakes: Fakes) -> None:
    words = "udp 192.168.1.50:5000 198.51.100.9:443"
    fakes.nft.remembered.clear()
    before = asked(fakes, text=words)
    assert codes(before) == ["REPLY_NOT_ACCEPTED"]
    assert [each["code"] for each in before["explanations"][0]["flow"]["reasons"]] == ["REPLY_NOT_ACCEPTED"]
    fakes.nft.remembered.add(("flow_offload", "replied4", key(5000)))
    after = asked(fakes, text=words)
    assert (codes(after), step(after, "reply")["holds"]) == (["WAITING"], "yes")


def test_the_mtu_of_both_ends_is_asked_of_the_kernel(fakes: Fakes) -> None:
    fakes.netlink.leaves = {bytes((192, 168, 1, 50)): Leaving("br-lan", 1500)}
    fakes.netlink.leaves |= {bytes((198, 51, 100, 9)): Leaving("pppoe-wan", 1492)}
    found = step(asked(fakes, text="udp 192.168.1.50:5000 198.51.100.9:443"), "mtu")
    assert found["holds"] == "yes" and "up to 1492 bytes to 198.51.100.9 on pppoe-wan" in found["fact"]
