"""Whatever stands in /etc/config/firewall makes a ruleset that nft takes, and sections do not disturb each other."""

import contextlib
import io
import json
import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firewall.strategies import sections
from offload.cli.firewall.main import main

NETWORKS = [
    {"interface": "lan", "l3_device": "br-lan", "ipv4-address": [{"address": "192.168.1.1", "mask": 24}]},
    {"interface": "wan", "l3_device": "eth1", "ipv6-address": [{"address": "2001:db8::1", "mask": 64}]},
    {"interface": "vpn", "up": False},
]
HOME = [
    "config zone\n\toption name lan\n\toption network lan\n",
    "config zone\n\toption name wan\n\toption device eth9\n",
]
QUOTED = re.compile(r'"[^"\n]*"')
NAMESPACE = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]


def ruleset(texts: list[str], modules: tuple[str, ...] = ("nf_conntrack_ftp",)) -> str:
    with TemporaryDirectory() as root:
        config = Path(root, "etc/config/firewall")
        config.parent.mkdir(parents=True)
        config.write_text("\n".join(texts))
        ubus = {"network.interface dump": {"interface": NETWORKS}}
        Path(root, "snapshot.json").write_text(json.dumps({"ubus": ubus, "kernel": {"modules": modules}}))
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
