"""Whatever stands in /etc/config/firewall makes a ruleset that nft takes, and sections do not disturb each other."""

import contextlib
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.strategies import TRAFFIC, sections, usable
from offload.cli.firewall.compiled import compiled
from offload.cli.firewall.main import main
from offload.model.kernel.nft import Rule

NETWORKS = [
    {"interface": "lan", "l3_device": "br-lan", "ipv4-address": [{"address": "192.168.1.1", "mask": 24}]},
    {"interface": "wan", "l3_device": "eth1", "ipv6-address": [{"address": "2001:db8::1", "mask": 64}]},
    {"interface": "vpn", "up": False},
]
HOME = [
    "config zone\n\toption name lan\n\toption network lan\n",
    "config zone\n\toption name wan\n\toption device eth9\n",
]
NEIGHBOURS = [
    "config zone\n\toption name down\n\toption network vpn\n",
    "config zone\n\toption name six\n\toption device tun6\n\toption family ipv6\n",
    "config zone\n\toption name part\n\tlist subnet 10.9.0.0/16\n\tlist subnet fd09::/16\n",
    "config ipset\n\toption name hosts6\n\toption family ipv6\n\toption match src_ip\n",
    "config ipset\n\toption name doors\n\toption match dest_port\n",
    "config ipset\n\toption name cards\n\toption match dest_mac\n",
]
QUOTED = re.compile(r'"[^"\n]*"')
NAMESPACE = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]


@contextlib.contextmanager
def router(texts: list[str], modules: tuple[str, ...] = ("nf_conntrack_ftp",)) -> Iterator[str]:
    with TemporaryDirectory() as root:
        config = Path(root, "etc/config/firewall")
        config.parent.mkdir(parents=True)
        config.write_text("\n".join(texts))
        ubus = {"network.interface dump": {"interface": NETWORKS}}
        Path(root, "snapshot.json").write_text(json.dumps({"ubus": ubus, "kernel": {"modules": modules}}))
        yield root


def ruleset(texts: list[str]) -> str:
    with router(texts) as root:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
            assert main(["firewall", "print", "--root", root]) == 0
        return out.getvalue()


def refusal(text: str) -> str:
    """What nft says against a ruleset; it reads no includes, which belong to the running router."""
    text = re.sub(r"^\s*include .*\n", "", text, flags=re.MULTILINE)
    command = [*NAMESPACE, "nft", "-c", "-f", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


@given(sections())
@settings(deadline=None)
def test_nothing_of_the_users_stands_outside_quotes(texts: list[str]) -> None:
    text = ruleset(HOME + texts)
    bare = QUOTED.sub("", text)
    assert '"' not in bare
    assert bare.isascii()
    assert all(line.isprintable() for line in bare.replace("\t", "").split("\n"))
    assert all(len(each.encode()) <= 130 for each in re.findall(r'comment ("[^"\n]*")', text))


@given(usable())
@settings(deadline=None)
def test_a_section_that_makes_no_rule_has_a_problem(texts: list[str]) -> None:
    with router(HOME + NEIGHBOURS + texts) as root:
        found, problems, given_sections = compiled(Path(root))
    meant = {each.id for each in given_sections if each.type in TRAFFIC}
    made = {rule.origin for chain in found.table.chains for rule in chain.rules if isinstance(rule, Rule)}
    assert len(meant) == len(texts)
    assert meant - made - {problem.origin.id for problem in problems} == set()


def test_a_zone_of_both_families_has_rules_of_the_one_that_the_addresses_have() -> None:
    mark = "config rule\n\toption src part\n\toption dest '*'\n\toption target MARK\n\toption set_mark 1\n"
    for address, family in (("10.9.1.1", 4), ("fd09::1", 6)):
        with router([*NEIGHBOURS, f"{mark}\toption src_ip {address}\n"]) as root:
            found, problems, _ = compiled(Path(root))
        rules = [rule for chain in found.table.chains for rule in chain.rules if isinstance(rule, Rule)]
        assert {rule.match.family for rule in rules if rule.origin == "@rule[0]"} == {family}
        assert problems == ()


def test_redirects_that_are_left_out_accept_nothing() -> None:
    forward = (
        "config redirect\n\toption src wan\n\toption dest_ip 10.0.0.1\n\toption proto tcp\n\toption src_dport 80\n"
    )
    assert "ct status dnat accept" in ruleset([*HOME, forward])
    for condition in ("ipset nosuch", "helper nosuch", "src_ip vpn", "extra -m"):
        assert "ct status dnat" not in ruleset([*HOME, f"{forward}\toption {condition}\n"])


@pytest.mark.slow  # it needs a program of Debian
@given(sections())
def test_nft_takes_it(texts: list[str]) -> None:
    text = ruleset(HOME + texts)
    assert (refusal(text), "") == ("", "") or not text


@given(st.data())
def test_the_order_of_sections_of_different_types_means_nothing(data: st.DataObject) -> None:
    texts = HOME + data.draw(sections())
    kinds = data.draw(st.permutations(sorted({text.split("\n")[0] for text in texts})))
    sorted_texts = [text for kind in kinds for text in texts if text.split("\n")[0] == kind]
    assert ruleset(sorted_texts) == ruleset(texts)
