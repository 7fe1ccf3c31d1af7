"""The script that loads the firewall without Python: which ruleset it loads, and when it saves the compiled one."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from offload.model.sections.firewall import RouterNetwork
from offload.nft.text import path_text
from offload.service.firewall.blame import LeftOut
from offload.service.firewall.boot import boot_text
from service.firewalls import RULES, inputs
from service.routers import FIREWALL

SCRIPT = Path(__file__).parents[2] / "files/usr/lib/offload/firewall"
NFT = """
case "$1" in
	list) [ -e "{root}/held" ] ;;
	-f)
		cat "$2" - >"{root}/loaded" 2>/dev/null <&0
		! grep -q refused "{root}/loaded" || exit 1
		! grep -q "^table inet fw4 {" "{root}/loaded" || touch "{root}/held"
		;;
esac
"""
UCI = 'grep "^$3=" "{root}/uci" | cut -d = -f 2 | grep .'


class Box:
    """A router that is a directory, with programs of the test before its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("etc/config", "etc/offload", "var/run/offload", "bin"):
            (root / folder).mkdir(parents=True)
        (root / "etc/config/firewall").write_text("config defaults\n")
        (root / "uci").write_text("network.lan.device=br-lan.10\n")
        self.programs({"nft": NFT, "uci": UCI, "logger": "", "ip": ""})

    def programs(self, scripts: Mapping[str, str]) -> None:
        for name, script in scripts.items():
            path = self.root / "bin" / name
            path.write_text("#!/bin/sh\n" + script.replace("{root}", str(self.root)))
            path.chmod(0o755)

    def run(self, verb: str) -> tuple[int, str]:
        """The exit status, and what it complained of."""
        environment = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "ROOT": str(self.root)}
        done = subprocess.run(
            ["sh", str(SCRIPT), verb], env=environment, input="", capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    def header(self) -> str:
        return f"# configuration {hashlib.sha256((self.root / 'etc/config/firewall').read_bytes()).hexdigest()}\n"

    @property
    def loaded(self) -> str:
        path = self.root / "loaded"
        return path.read_text() if path.exists() else ""

    @property
    def last_good(self) -> Path:
        return self.root / "etc/offload/firewall.nft"

    @property
    def compiled(self) -> Path:
        return self.root / "var/run/offload/firewall.nft"


@pytest.fixture(name="box")
def _box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_last_good_ruleset_is_loaded(box: Box) -> None:
    box.last_good.write_text(box.header() + "table inet fw4 { }\n")
    assert box.run("load") == (0, "")
    assert "table inet fw4 { }" in box.loaded


def test_one_of_another_configuration_is_loaded_and_reported(box: Box) -> None:
    """The configuration is another one after a backup was restored."""
    box.last_good.write_text("# configuration 0\ntable inet fw4 { }\n")
    code, complaint = box.run("load")
    assert code == 0 and "belongs to another configuration" in complaint
    assert "table inet fw4 { }" in box.loaded


INCLUDES = """table inet fw4 {
	include "/etc/nftables.d/*.nft"
	include "/usr/share/nftables.d/there.nft"
	include "/tmp/later.nft"
}
"""


def test_nft_files_are_included_but_those_that_are_not_there(box: Box) -> None:
    (box.root / "usr/share/nftables.d").mkdir(parents=True)
    (box.root / "usr/share/nftables.d/there.nft").touch()
    box.last_good.write_text(box.header() + INCLUDES)
    assert box.run("load") == (0, "")
    assert "/etc/nftables.d/*.nft" in box.loaded and "there.nft" in box.loaded and "later.nft" not in box.loaded


def test_nft_files_whose_names_nft_text_cannot_have_are_included_too(box: Box) -> None:
    box.last_good.write_text(box.header() + INCLUDES.replace('"/tmp/later.nft"', path_text('/etc/my"ban.nft')))
    assert box.run("load") == (0, "")
    assert 'include "/etc/my?ban.nft"' in box.loaded and "there.nft" not in box.loaded


def test_nft_files_that_nft_refuses_do_not_cost_the_rest(box: Box) -> None:
    box.last_good.write_text(box.header() + INCLUDES.replace("later.nft", "refused.nft"))
    (box.root / "usr/share/nftables.d").mkdir(parents=True)
    (box.root / "usr/share/nftables.d/there.nft").touch()
    (box.root / "tmp").mkdir()
    (box.root / "tmp/refused.nft").touch()
    code, complaint = box.run("load")
    assert code == 0 and "loaded without such files" in complaint and "only the LAN" not in complaint
    assert "table inet fw4 {" in box.loaded and "include" not in box.loaded


def test_a_firewall_that_is_there_or_was_stopped_is_let_be(box: Box) -> None:
    box.last_good.write_text(box.header())
    (box.root / "held").touch()
    assert box.run("load") == (0, "") and box.loaded == ""
    (box.root / "held").unlink()
    (box.root / "var/run/offload/firewall.stopped").touch()
    assert box.run("load") == (0, "") and box.loaded == ""


@pytest.mark.parametrize("last_good", [None, "refused\n", "# configuration 0\n", "# configuration 0\ntable inet fw4\n"])
def test_without_one_only_the_lan_can_reach_the_router(box: Box, last_good: str | None) -> None:
    if last_good:
        box.last_good.write_text(last_good)
    code, complaint = box.run("load")
    assert code == 0 and "only the LAN" in complaint
    assert 'iifname { "br-lan.10" } accept' in box.loaded
    assert "type filter hook forward priority filter; policy drop;" in box.loaded
    for always in ('iif "lo" accept', "established, related", "nd-router-advert", "dport 68", "dport 546"):
        assert always in box.loaded


def test_the_lockdown_translates_the_packets_of_live_connections(box: Box) -> None:
    """Otherwise the router takes their replies for its own, and ends the connections with a RST."""
    box.run("load")
    assert "type nat hook prerouting priority dstnat; policy accept;" in box.loaded
    assert "type nat hook postrouting priority srcnat; policy accept;" in box.loaded


def test_a_kernel_without_nat_gets_the_lockdown_without_it(box: Box) -> None:
    box.programs({"nft": NFT.replace("grep -q refused", "grep -q 'type nat'")})
    status, warned = box.run("load")
    assert status == 0 and "nft cannot translate addresses" in warned
    assert "type nat" not in box.loaded
    assert "type filter hook input priority filter; policy drop;" in box.loaded


@pytest.mark.parametrize(
    ("uci", "outside"),
    [
        ("", ""),
        ("network.wan.device=eth1\n", 'iifname { "eth1","pppoe-wan" } return'),
        ("network.wan.device=eth1\nnetwork.wan.proto=l2tp\n", 'iifname { "eth1","l2tp-wan","pppoe-wan" } return'),
        ("network.wan6.proto=a;b\nnetwork.wan.device=eth1\n", 'iifname { "eth1","pppoe-wan" } return'),
        ("network.lan.device=lan;accept\nnetwork.wan.ifname=eth1\n", 'iifname { "eth1","pppoe-wan" } return'),
    ],
)
def test_without_a_lan_private_sources_count_but_not_where_the_internet_is(box: Box, uci: str, outside: str) -> None:
    (box.root / "uci").write_text(uci)
    if outside:
        box.programs({"ip": "echo default via 10.0.0.1 dev pppoe-wan proto static"})
    assert box.run("load")[0] == 0
    assert "192.168.0.0/16" in box.loaded and "fe80::/10" in box.loaded
    assert outside in box.loaded and "lan;accept" not in box.loaded
    assert ("return" in box.loaded) is bool(outside)


def test_what_was_compiled_is_kept_when_the_configuration_is_another_one(box: Box) -> None:
    def compiled(configuration: int, version: str, devices: str) -> str:
        text = f"# configuration {configuration}\n# offload {version}, devices: {devices}\nrules of {devices}\n"
        box.compiled.write_text(text)
        assert box.run("save") == (0, "")
        return text

    known = compiled(1, "0.2", "br-lan eth1 pppoe-wan")
    assert box.last_good.read_text() == known
    compiled(1, "0.2", "br-lan eth1")  # the tunnel is down, as at every start
    assert box.last_good.read_text() == known
    assert compiled(1, "0.2", "br-lan eth10") == box.last_good.read_text()
    assert compiled(2, "0.2", "br-lan") == box.last_good.read_text()
    assert compiled(2, "0.3", "br-lan") == box.last_good.read_text()


def test_what_was_compiled_is_kept_when_nft_refuses_something_else(box: Box) -> None:
    given = inputs(*RULES)
    bad = LeftOut(files=frozenset({"/etc/nftables.d/bad.nft"}))
    for left_out in (LeftOut(), bad, LeftOut(frozenset({"r3"})), bad.with_(LeftOut(frozenset({"r3"}))), bad, LeftOut()):
        kept = box.last_good.read_bytes() if box.last_good.exists() else b""
        box.compiled.write_bytes(boot_text(given, left_out, lambda _: (), "1"))
        assert box.run("save") == (0, "")
        assert box.last_good.read_bytes() == box.compiled.read_bytes() != kept


def test_a_tunnel_that_is_not_up_yet_costs_no_ruleset_that_knows_it(box: Box) -> None:
    """So it is at every start: netifd gives the tunnel's network only the device below it until it is up."""
    kept = None
    for wan in (RouterNetwork("pppoe-wan", "eth1", "pppoe", up=True), RouterNetwork("eth1", "eth1", "pppoe")):
        given = inputs(*FIREWALL, *RULES)
        given = given._replace(networks={**given.networks, "wan": wan})
        box.compiled.write_bytes(boot_text(given, LeftOut(), lambda _: (), "1"))
        assert box.run("save") == (0, "")
        kept = kept or box.last_good.read_bytes()
    assert kept == box.last_good.read_bytes() != box.compiled.read_bytes()


def test_what_services_hand_over_is_in_the_ruleset_as_its_comment_says(box: Box) -> None:
    """If only that changes, neither the service nor the script writes it again (to flash)."""
    texts = []
    for port in ("7101", "7102"):
        handed = {"type": "rule", "proto": "tcp", "src": "lan", "dest_port": port, "target": "ACCEPT"}
        given = inputs(*FIREWALL, data={"miniupnpd": {"firewall": [handed]}})
        box.compiled.write_bytes(boot_text(given, LeftOut(), lambda _: (), "1"))
        assert box.run("save") == (0, "")
        texts.append(box.compiled.read_text())
        assert port in texts[-1]
    assert box.last_good.read_text() == texts[0]
    comment = " ".join(line.removeprefix("# ") for line in texts[0].splitlines()[2:6] if line.startswith("# "))
    for words in ("service get_data", "Where only these change, it is not written anew.", "lacks flow offload"):
        assert words in comment


def test_what_was_compiled_of_other_sections_is_kept(box: Box) -> None:
    """The configuration was written during the load: the hash in the first line was the new one already."""
    for rules in (RULES[:1], RULES):
        box.compiled.write_bytes(boot_text(inputs(*FIREWALL, *rules), LeftOut(), lambda _: (), "1"))
        assert box.run("save") == (0, "")
        assert box.last_good.read_bytes() == box.compiled.read_bytes()


def test_a_full_or_read_only_flash_keeps_the_one_before(box: Box) -> None:
    box.last_good.write_text("# configuration 0\nold\n")
    box.compiled.write_text("# configuration 1\nnew\n")
    box.programs({"cp": 'echo part >"$2"; exit 1'})
    code, complaint = box.run("save")
    assert code == 1 and "the one before stays" in complaint
    assert box.last_good.read_text() == "# configuration 0\nold\n"
    assert [each.name for each in box.last_good.parent.iterdir()] == ["firewall.nft"]


def test_nothing_compiled_yet_is_nothing_to_keep(box: Box) -> None:
    assert box.run("save") == (0, "") and not box.last_good.exists()
    assert box.run("help")[0] == 2
