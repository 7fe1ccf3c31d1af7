"""What other packages put into `inet fw4`, or ask the firewall for, in the shape in which they do it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from offload.cli.firewall.main import main

LAN = {"interface": "lan", "l3_device": "br-lan", "ipv4-address": [{"address": "192.168.1.1", "mask": 24}]}
WAN = {"interface": "wan", "l3_device": "eth1", "ipv4-address": [{"address": "203.0.113.5", "mask": 24}]}
CONFIG = """
config zone
	option name lan
	option network lan
config zone
	option name wan
	option network wan
"""
Print = Callable[..., str]


@pytest.fixture
def ruleset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Print:
    """Print the ruleset of a router with sections, nft files and firewall data of services; nothing is left out."""

    def printed(config: str = "", files: tuple[str, ...] = (), **services: list[dict[str, object]]) -> str:
        for path in ("etc/config/firewall", *files):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(CONFIG + config if path == "etc/config/firewall" else "# another package's\n")
        data = {name: {"instance1": {"firewall": asked}} for name, asked in services.items()}
        ubus = {"network.interface dump": {"interface": [LAN, WAN]}, "service get_data": data}
        (tmp_path / "snapshot.json").write_text(json.dumps({"ubus": ubus}))
        assert main(["firewall", "print", "--root", str(tmp_path)]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return printed


def chain(ruleset: str, name: str) -> list[str]:
    """The lines of a chain."""
    return ruleset.partition(f"\tchain {name} {{\n")[2].partition("\n\t}")[0].replace("\t", "").splitlines()


def test_miniupnpd_jumps_at_the_end_of_three_chains(ruleset: Print) -> None:
    folder = "usr/share/nftables.d"
    chains = ("dstnat", "forward", "srcnat")
    files = [f"{folder}/chain-post/{name}/20-miniupnpd.nft" for name in chains]
    text = ruleset(files=(*files, f"{folder}/table-post/20-miniupnpd.nft"))
    for name, file in zip(chains, files, strict=True):
        assert f'include "/{file}"' in chain(text, name)[-2:]
    table = text.index(f'include "/{folder}/table-post/20-miniupnpd.nft"')
    assert text.rindex("\tchain ") < table < text.rindex("}")


def test_pbr_finds_the_chains_that_its_files_add_to(ruleset: Print) -> None:
    file = "usr/share/nftables.d/ruleset-post/30-pbr.nft"
    text = ruleset(files=(file,))
    for name in ("dstnat", "mangle_prerouting", "mangle_output", "mangle_forward"):
        assert chain(text, name)[0].startswith("type ")
    assert text.endswith(f'}}\ninclude "/{file}"\n')


def test_https_dns_proxy_redirects_dns_and_refuses_others(ruleset: Print) -> None:
    redirect = {"type": "redirect", "target": "DNAT", "src": "lan", "proto": "tcp udp", "src_dport": "53"}
    rule = {"type": "rule", "src": "lan", "dest": "*", "proto": "tcp udp", "dest_port": "853", "target": "REJECT"}
    asked = [redirect | {"dest_port": "53", "family": "any", "reflection": False}, rule]
    text = ruleset(**{"https-dns-proxy": asked})
    assert [line.partition(" counter ")[::2] for line in chain(text, "dstnat_lan")] == [
        (f"{each} dport 53", 'redirect to 53 comment "!fw4: ubus:https-dns-proxy[instance1] redirect 0"')
        for each in ("tcp", "udp")
    ]
    refused = [line for line in chain(text, "forward_lan") if "dport 853" in line]
    assert [" jump handle_reject " in line or " goto handle_reject " in line for line in refused] == [True, True]


@pytest.mark.parametrize(("family", "kind"), [("ipv4", "ipv4_addr"), ("ipv6", "ipv6_addr")])
def test_dnsmasq_and_adblock_fast_fill_sets_without_entries(ruleset: Print, family: str, kind: str) -> None:
    """As in `nftset=/example.org/4#inet#fw4#adb4` of dnsmasq's configuration."""
    section = f"config ipset\n\toption name adb\n\toption match dest_ip\n\toption family {family}\n"
    block = "config rule\n\toption src lan\n\toption dest wan\n\toption ipset adb\n\toption target REJECT\n"
    text = ruleset(section + block)
    assert f"\tset adb {{\n\t\ttype {kind}\n" in text
    assert any("daddr @adb" in line for line in chain(text, "forward_lan"))
    asked: dict[str, object] = {"type": "ipset", "name": "adb", "match": "dest_ip", "family": family}
    assert f"\tset adb {{\n\t\ttype {kind}\n" in ruleset(**{"adblock-fast": [asked]})


def test_acme_inserts_into_a_chain_that_is_there_without_any_rule_of_ours(ruleset: Print) -> None:
    assert chain(ruleset(), "input")[0].startswith("type filter hook input priority filter;")
