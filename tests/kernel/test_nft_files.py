"""`offload check` reads the nft files that the firewall has yet to load, and says nothing of them once it has."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.lab import Home

TTL = """chain lte {
	type filter hook postrouting priority 300; policy accept;
	oifname $wan_devices ip ttl set 65
	oifname $wan_devices ip6 hoplimit set 65
}
"""


@pytest.fixture(name="file")
def _file(home: Home, tmp_path: Path) -> Iterator[Path]:
    """A file that a section of /etc/config/firewall includes."""
    path = tmp_path / "lte.nft"
    home.router.append("firewall", f"\nconfig include\n\toption type 'nftables'\n\toption path '{path}'\n")
    yield path
    home.router.reset()


def found(home: Home) -> list[tuple[str, str]]:
    reply = json.loads(home.router.offload("check", "--json", codes=(0, 3)))
    return [(each["code"], each["text"]) for each in reply["findings"] if each["code"] in CODES]


CODES = {"FILE_UNLOADED", "FILE_UNREAD", "RULE_TTL"}


def test_a_file_is_named_until_it_is_loaded(home: Home, file: Path) -> None:
    file.write_text(TTL)
    before = home.router.run("nft", "list", "ruleset")
    ((code, text),) = found(home)
    assert code == "FILE_UNLOADED" and str(file) in text and "set the TTL" in text
    assert home.router.run("nft", "list", "ruleset") == before
    home.router.nft(f'define wan_devices = {{ "wan" }}\ntable inet fw4 {{\n\tinclude "{file}"\n}}\n')
    try:
        assert {code for code, _ in found(home)} == {"RULE_TTL"}
    finally:
        home.router.nft("delete chain inet fw4 lte")


def test_a_file_with_a_fault_is_named(home: Home, file: Path) -> None:
    file.write_text("chain lte { nonsense }\n")
    ((code, text),) = found(home)
    assert code == "FILE_UNREAD" and "would refuse the whole firewall: syntax error" in text


def test_a_pipe_is_left_out_and_not_waited_for(home: Home, file: Path) -> None:
    os.mkfifo(file)
    assert found(home) == []
