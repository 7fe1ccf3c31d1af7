"""`offload firewall trace`: the rule that decides, and the way there."""

import contextlib
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firewall.strategies import sections
from firewall.test_differences import NETWORKS, ZONES, rule
from firewall.test_properties import HOME
from offload.cli.firewall import diff, show
from offload.cli.firewall.main import main
from offload.compiler.firewall.tracing.packet import NO, OPEN, YES, Packet, meets
from offload.compiler.firewall.tracing.refused import Connection, Rules, refusal
from offload.compiler.firewall.tracing.trace import at_hook
from offload.errors import NftError
from offload.model.kernel.nft import Chain, Hook, Include, Rule, Ruleset, Table
from offload.model.sections.match import Bits, Item, Limit, Match
from offload.model.text.addresses import address
from offload.system.fake_nft import FakeNft

ROUTERS = Path(__file__).parent / "routers"
END = "udp or 17"
MAC = ("00", "11", "22", "33", "44", "55")
TCP = Packet(4, "tcp", "br-lan", "eth1", 0xC0A80105, 0x08080808, 40000, 443)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def traced(router: str, words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert main(["firewall", "trace", "--root", str(ROUTERS / router), *words.split()]) == code
    return "".join(capsys.readouterr())


def test_a_port_forward_is_followed_to_its_zone(capsys: pytest.CaptureFixture[str]) -> None:
    text = traced("30-redirects", "--src wan --dest-ip 203.0.113.5 --dest-port 22", capsys)
    assert text.splitlines()[0] == "The first packet of a connection, IPv4 tcp port 22: from zone wan to this router"
    assert 'dstnat_wan: dnat 192.168.1.6:22 "Simple" (@redirect[1], /etc/config/firewall:67)' in text
    assert "so it goes to zone lan" in text
    assert 'forward: accept by\n    forward: jump forward_wan "Handle wan' in text


@pytest.mark.parametrize("host", ["lan", "192.168.1.1", "203.0.113.5"])
def test_a_port_forward_to_the_router_s_own_address_goes_to_input(
    host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc/config").mkdir(parents=True)
    options = f"name=N src=wan dest=lan proto=tcp src_dport=8022 dest_ip={host} dest_port=22"
    (tmp_path / "etc/config/firewall").write_text(ZONES + rule(options, "redirect"))
    (tmp_path / "snapshot.json").write_text(json.dumps({"ubus": {"network.interface dump": {"interface": NETWORKS}}}))
    text = traced(str(tmp_path), "--src wan --dest-ip 203.0.113.5 --dest-port 8022", capsys)
    assert "dstnat_wan: dnat" in text
    assert "input: accept by\n" in text and "input_wan: accept" in text and "forward:" not in text


@pytest.mark.parametrize("dest", ["8.8.8.8", "203.0.113.5", "192.168.1.1"])
def test_a_redirect_gives_the_packet_the_router_s_address(
    dest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc/config").mkdir(parents=True)
    sections = rule("name=DNS src=lan proto=udp src_dport=53", "redirect")
    sections += "".join(
        rule(f"name=N src=lan proto=udp dest_ip={address} target=DROP") for address in ("8.8.8.8", "203.0.113.5")
    )
    sections += rule("name=OURS src=lan proto=udp dest_ip=192.168.1.1 target=DROP")
    (tmp_path / "etc/config/firewall").write_text(ZONES + sections)
    second = {"interface": "more", "l3_device": "br-lan", "ipv4-address": [{"address": "192.168.7.1", "mask": 24}]}
    words = f"--src lan --dest wan --proto udp --dest-ip {dest} --dest-port 53"
    found = []
    for networks in (NETWORKS, [*NETWORKS, second]):
        ubus = {"network.interface dump": {"interface": networks}}
        (tmp_path / "snapshot.json").write_text(json.dumps({"ubus": ubus}))
        found.append(traced(str(tmp_path), words, capsys))
        zones = ZONES.replace("option network lan", "list network lan\n\tlist network more")
        (tmp_path / "etc/config/firewall").write_text(zones + sections)
    assert "input: drop by" in found[0] and 'input_lan: drop "OURS"' in found[0] and '"N"' not in found[0]
    assert "ip daddr 192.168.1.1: input_lan: drop" in found[1]  # the kernel takes the first of the device's addresses


@pytest.mark.parametrize(
    ("number", "name", "words"),
    [
        ("6", "tcp", "--src wan --dest-ip 203.0.113.5 --dest-port 22"),
        ("6", "tcp", "--src wan --dest-ip 203.0.113.5"),
        ("17", "udp", "--src wan --dest-ip 203.0.113.5 --dest-port 53"),
        ("58", "icmpv6", "--src wan --dest lan --dest-ip 2001:db8::1"),
        ("50", "esp", "--src wan --dest lan"),
        ("47", "gre", "--src wan --dest lan"),
    ],
)
def test_a_protocol_s_number_means_its_name(
    number: str, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = traced("30-redirects", f"{words} --proto {number}", capsys)
    assert text == traced("30-redirects", f"{words} --proto {name.upper()}", capsys)
    assert f" {'ipv6-icmp' if name == 'icmpv6' else name}" in text.splitlines()[0]


def test_a_mac_address_may_have_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--src wan --dest-ip 203.0.113.5 --src-port 2000 --src-ip 198.51.100.9 --dest-port 8080 --src-mac"
    colons, dashes = (traced("30-redirects", f"{words} {sep.join(MAC)}", capsys) for sep in ":-")
    assert "Web" in colons and colons == dashes


def test_a_protocol_without_a_name_is_shown_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert "IPv4 protocol 253: from" in traced("01-fresh-install", "--src lan --proto 253", capsys)
    assert "IPv4 of any protocol: from" in traced("01-fresh-install", "--src lan --proto all", capsys)


def test_number_0_is_not_called_ip(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the number of IPv6's hop-by-hop options: `IPv4 ip` looks like a packet of any protocol."""
    for word in ("0", "ip", "hopopt"):
        assert "IPv4 hopopt: from" in traced("01-fresh-install", f"--src lan --proto {word}", capsys)


def test_lines_are_folded_at_the_width_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "--src wan --dest-ip 203.0.113.5 --dest-port 22"
    whole = traced("30-redirects", words, capsys)
    monkeypatch.setenv("COLUMNS", "40")
    text = traced("30-redirects", words, capsys)
    assert max(map(len, text.splitlines())) <= 40 and text.split() == whole.split()


def test_a_condition_that_only_the_router_can_decide_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = traced("30-redirects", "--src wan --dest-ip 203.0.113.5 --src-ip 198.51.100.9 --dest-port 8080", capsys)
    _, may = " ".join(text.split()).split("but before that")
    assert "tcp sport 1024-65535 ether saddr 00:11:22:33:44:55" in may and "ip saddr @friends: dstnat_wan: dnat" in may
    assert "tcp dport" not in may  # that was decided
    mac = traced(
        "30-redirects",
        "--src wan --dest-ip 203.0.113.5 --src-ip 198.51.100.9 --dest-port 8080 --src-mac 00:11:22:33:44:56",
        capsys,
    )
    assert "Web" not in mac


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("--src wan --proto tcp", "input: reject with tcp reset by"),
        ("--src wan --dest-port 68 --proto udp", "input: accept by"),
        ("--src wan --dest lan --dest-port 80", "forward: reject with tcp reset by"),
        ("--src lan --dest-ip 8.8.8.8 --dest-port 443", "forward: accept by"),
        ("--src lan --dest-port 22", "input: accept by"),
        ("--dest wan", "output: accept by"),
        ("--src wan --dest lan --proto esp", "forward: accept by"),
    ],
)
def test_the_verdicts_of_a_fresh_router(words: str, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = traced("01-fresh-install", words, capsys)
    assert verdict in text.splitlines(), text


@pytest.mark.parametrize(
    ("address", "end"),
    [("10.9.0.0", "zone net"), ("10.9.0.1", "zone net"), ("192.168.1.0", "zone lan"), ("192.168.1.1", "this router")],
)
def test_the_first_address_of_a_zone_s_subnet_is_not_the_router_s(
    address: str, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = traced("21-marks", f"--src lan --dest-ip {address}", capsys)
    assert text.splitlines()[0].endswith(f"from zone lan to {end}")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--src nozone", "--src: there is no zone 'nozone'; the zones: lan, wan"),
        ("--src lna", "--src: there is no zone 'lna' (did you mean 'lan'?); the zones: lan, wan"),
        ("--src lan --dest-port 0", "--dest-port: '0' is no port"),
        ("--src lan --src-port http", "--src-port: 'http' is no port"),
        ("--src lan --dest-port ²", "--dest-port: '²' is no port"),
        ("--src lan --dest-port 0000080000", "--dest-port: '0000080000' is no port"),
        ("--src-ip 300.1.1.1", "--src-ip: '300.1.1.1' is no address"),
        ("--src-ip 10.0.0.1 --dest-ip fd00::1", "--src-ip and --dest-ip are of different families"),
        ("--src lan --dest-port 5 --proto icmp", "--proto: 'icmp' has no ports"),
        ("--src lan --src-mac 00:11:22:33:44", "--src-mac: '00:11:22:33:44' is no MAC address"),
        ("--src lan --src-mac !00:11:22:33:44:55", "--src-mac: '!00:11:22:33:44:55' is no MAC address"),
        ("--src lan --dest-port 5 --proto 1", "--proto: '1' has no ports"),
        ("--src lan --dest-port 5 --proto any", "--proto: 'any' has no ports"),
        *(
            (
                f"--src lan --proto {word}",
                f"--proto: '{word}' is not one protocol: write a name or number, such as {END}",
            )
            for word in ("tcpp", "256", "!tcp", "tcpudp")
        ),
    ],
)
def test_what_cannot_be_understood_is_named(words: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert traced("01-fresh-install", words, capsys, code=2) == f"offload: {sentence}\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("reloa", "'reloa' (did you mean 'reload'?)"),
        ("qqq", "'qqq'"),
        ("print --explian", "'--explian' (did you mean '--explain'?)"),
        ("trace --dest-prot=80", "'--dest-prot' (did you mean '--dest-port'?)"),
        ("\x1b[31m", "'?[31m'"),
    ],
)
def test_a_verb_or_option_that_is_nearly_one_is_hinted_at(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["firewall", *words.split()]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"offload: {sentence} is not understood here"


def test_what_goes_to_stderr_is_silenced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuses() -> None:
        raise NftError("syntax error")

    nothing = Ruleset(Table("fw4", ()))
    monkeypatch.setattr(show, "_checked_by_nft", refuses)
    monkeypatch.setattr(diff, "compiled", lambda _: (nothing, (), ()))
    monkeypatch.setattr(diff, "_taken", lambda *_: (nothing, frozenset({"/etc/bad.nft"})))
    monkeypatch.setattr(diff, "_listed", lambda *_: "")
    monkeypatch.setattr(diff, "Nft", lambda: FakeNft(others=frozenset()))
    for verb, code, sentence in (("check", 1, "nft refuses the ruleset"), ("diff", 0, "/etc/bad.nft is left out")):
        assert main(["firewall", verb]) == code
        assert sentence in capsys.readouterr().err
        assert main(["firewall", "-q", verb]) == code
        assert capsys.readouterr().err == ""


def _match(**conditions: object) -> Match:
    return Match(**conditions)  # type: ignore[arg-type]  # the fields of Match


def _address(text: str) -> object:
    negated = text.startswith("!")
    return address(text.lstrip("!"), negated=negated)


@pytest.mark.parametrize(
    ("match", "answer"),
    [
        (_match(), YES),
        (_match(family=4), YES),
        (_match(family=6), NO),
        (_match(proto=(Item("tcp"),)), YES),
        (_match(proto=(Item("6"),)), YES),
        (_match(proto=(Item("tcp", negated=True),)), NO),
        (_match(proto=(Item("udp"), Item("icmp"))), NO),
        (_match(iifname=(Item("br-*"),)), YES),
        (_match(iifname=(Item("br-guest"),)), NO),
        (_match(iifname=(Item("br-lan", negated=True),)), NO),
        (_match(src_ip=(_address("192.168.1.0/24"),)), YES),
        (_match(src_ip=(_address("192.168.1.0/24"), _address("!192.168.1.5"))), NO),
        (_match(src_ip=(_address("192.168.1.1-192.168.1.9"),)), YES),
        (_match(src_ip=(_address("0.0.0.5/0.0.0.255"),)), YES),
        (_match(src_ip=(_address("0.0.0.6/0.0.0.255"),)), NO),
        (_match(src_ip=(_address("fd00::1"),)), NO),
        (_match(dest_port=(Item("1-442"), Item("444-500"))), NO),
        (_match(dest_port=(Item("400-500"),)), YES),
        (_match(dest_port=(Item("443", negated=True),)), NO),
        (_match(src_mac=(Item("00:11:22:33:44:55"),)), OPEN),
        (_match(limit=Limit(1, "second")), YES),
        (_match(limit=Limit(1, "second", negated=True)), NO),
        (_match(mark=Bits(1, 1)), OPEN),
        (_match(mark=Bits(1, 1), dest_port=(Item("80"),)), NO),
        (_match(raw="ct status dnat"), NO),
        (_match(raw='iif "lo"'), NO),
        (_match(raw="something of tomorrow"), OPEN),
    ],
)
def test_each_condition(match: Match, answer: str) -> None:
    assert meets(Rule("accept", match), TCP)[0] == answer


def test_a_condition_on_an_unknown_field_stays_open() -> None:
    packet = Packet(4, "tcp", "br-lan")
    rule = Rule("accept", _match(src_ip=(_address("10.0.0.0/8"),), dest_port=(Item("22"),), proto=(Item("tcp"),)))
    assert meets(rule, packet) == (OPEN, "ip saddr 10.0.0.0/8 tcp dport 22")


def test_what_may_decide_below_a_jump_that_may_be_taken_is_named() -> None:
    """Also if such a chain decides in any case, and the rules that an include statement brings."""
    marked, named = _match(mark=Bits(1, 1)), _match(raw="ip saddr @friends")
    below = (Rule("accept", named), Include("/etc/x.nft"), Rule("jump deeper"), Rule("drop"))
    chains = {
        "forward": Chain("forward", (Rule("jump maybe", marked),), Hook("filter", "forward", "filter", "drop")),
        "maybe": Chain("maybe", below),
        "deeper": Chain("deeper", (Rule("reject", named),)),
    }
    found = at_hook(chains, "forward", TCP)
    assert (found.verdict, found.way) == ("drop", ())
    assert [(step.chain, step.verdict, step.unless) for step in found.may] == [
        ("maybe", "accept", "meta mark & 0x1 == 0x1 and ip saddr @friends"),
        ("maybe", 'include "/etc/x.nft"', "meta mark & 0x1 == 0x1 and its rules decide"),
        ("deeper", "reject", "meta mark & 0x1 == 0x1 and ip saddr @friends"),
        ("forward", "drop", "meta mark & 0x1 == 0x1"),
    ]


def test_a_chain_that_may_be_entered_and_may_accept_refuses_nothing() -> None:
    """`cut_refused` ends only what is refused for sure."""
    named = _match(raw="ip saddr @friends")
    forward = (Rule("jump maybe", _match(mark=Bits(1, 1))), Rule("drop"))
    chains = (
        Chain("dstnat", (), Hook("nat", "prerouting", "dstnat")),
        Chain("forward", forward, Hook("filter", "forward", "filter")),
        Chain("maybe", (Rule("accept", named), Rule("drop"))),
    )
    assert refusal(Rules({each.name: each for each in chains}, 0.0), Connection(TCP, TCP)) is None


@given(
    sections(), st.sampled_from(["--src lan", "--src lan --dest wan --dest-port 80", "--dest wan", "--src-ip fd00::1"])
)
def test_whatever_is_configured_is_traced_or_refused_in_a_sentence(texts: list[str], words: str) -> None:
    with TemporaryDirectory() as root:
        config = Path(root, "etc/config/firewall")
        config.parent.mkdir(parents=True)
        config.write_text("\n".join(HOME + texts))
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            code = main(["firewall", "trace", "--root", root, *words.split()])
        assert (code == 0 and out.getvalue().startswith("The first packet")) or err.getvalue().startswith("offload: --")
