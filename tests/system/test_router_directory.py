"""A router written as a directory is the same router when it is read, and nothing else leaves it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from offload.compiler.offload.tables.render import render
from offload.config.choices.offload_tables import without_unknown_options
from offload.config.load import FILES
from offload.errors import FileError
from offload.model.network import Kernel, Lack, Snapshot
from offload.model.sections.section import Section
from offload.service.reconcile import decide, read
from offload.system.config.uci import Uci
from offload.system.directory.router_directory import RouterDirectory, uci_text
from offload.system.directory.snapshot_json import snapshot_json
from random_routers import Router, router

ROUTERS = 150
NAME = re.compile(r"\w+", re.ASCII)


def writable(section: Section) -> Section | None:
    """A section as uci could have had it: names of its alphabet, ASCII values without NUL, none of them empty."""

    def storable(word: str) -> bool:
        return bool(word) and "\0" not in word and word.isascii()

    options = {
        name: value
        for name, value in section.options.items()
        if NAME.fullmatch(name) and value and all(map(storable, (value,) if isinstance(value, str) else value))
    }
    if section.package == "network" and not NAME.fullmatch(section.name):
        return None  # the name of a network is the name of its section
    return replace(section, options=options)


def as_uci_had_it(found: Router) -> Router:
    sections = {name: tuple(filter(None, map(writable, found.packages[name]))) for name in FILES}
    return Router(sections, found.snapshot)


def dumped(snapshot: Snapshot) -> dict[str, object]:
    """What netifd would reply for a Snapshot's networks."""
    words = ("up", "l3_device", "device", "proto")
    return {
        "interface": [
            {"interface": network.name, "data": {"zone": network.zone}}
            | {word: getattr(network, word) for word in words}
            for network in snapshot.networks
            if network.name
        ]
    }


@pytest.mark.slow
def test_what_is_written_decides_the_same(tmp_path: Path) -> None:
    for seed in range(ROUTERS):
        found = as_uci_had_it(router(seed))
        directory = RouterDirectory(tmp_path / str(seed))
        sections = [section for package in found.packages.values() for section in package]
        directory.write(sections, snapshot_json(found.snapshot, {"network.interface dump": dumped(found.snapshot)}))
        again = decide(read(Uci(directory.confdir)), directory.snapshot()).plan
        before = decide(found.packages, found.snapshot).plan
        assert render(again) == render(before), seed
        assert [pair.effective for pair in again.pairs] == [pair.effective for pair in before.pairs], seed


@pytest.mark.parametrize("value", ["it's", '"', "a\nb", "\\", "a b", "#", ";", "'; option x 'y", "é", "{}", "\t"])
def test_a_value_of_any_kind_survives_uci(tmp_path: Path, value: str) -> None:
    section = Section("offload", "exempt", "e", "e", {"name": value, "src_ip": (value, "x")})
    (tmp_path / "offload").write_text(uci_text(section))
    assert Uci(tmp_path).read("offload") == (section,)


def test_sections_without_a_name_stay_without(tmp_path: Path) -> None:
    assert uci_text(Section("offload", "zone", "cfg012345", "@zone[0]", {})) == "config zone\n"
    assert uci_text(Section("offload", "zone", "guest", "guest", {})) == "config zone 'guest'\n"
    assert tmp_path.exists()


def test_only_what_the_tables_name_leaves_the_router() -> None:
    secret = {"proto": "pppoe", "device": "eth1", "username": "user", "password": "secret", "private_key": "key"}
    found = without_unknown_options(Section("network", "interface", "wan", "wan", secret))
    assert found is not None
    assert dict(found.options) == {"proto": "pppoe", "device": "eth1"}
    assert (
        without_unknown_options(Section("network", "wireguard_wg0", "peer", "peer", {"preshared_key": "key"})) is None
    )
    assert without_unknown_options(Section("system", "system", "system", "system", {"hostname": "router"})) is None


def test_a_kernel_that_lacks_something_is_written_too(tmp_path: Path) -> None:
    kernel = Kernel(
        "5.4", flowtable=False, nft="1.0.2", modules=("nf_tables",), missing=(Lack("no flowtables", "kmod"),)
    )
    RouterDirectory(tmp_path).write([], snapshot_json(Snapshot(kernel=kernel, firewall="none"), {}))
    again = RouterDirectory(tmp_path).snapshot()
    assert (again.kernel, again.firewall) == (kernel, "none")


def test_a_directory_without_a_snapshot_has_nothing(tmp_path: Path) -> None:
    assert RouterDirectory(tmp_path).snapshot() == Snapshot()


def test_addresses_and_routes_come_from_the_dump_where_they_are_not_given(tmp_path: Path) -> None:
    lan = {"interface": "lan", "up": True, "l3_device": "br-lan", "ipv4-address": [{"address": "10.0.0.1", "mask": 8}]}
    found = {"ubus": {"network.interface dump": {"interface": [lan]}}}
    (tmp_path / "snapshot.json").write_text(json.dumps(found))
    assert [str(each.address) for each in RouterDirectory(tmp_path).snapshot().addresses] == ["10.0.0.1/8"]
    (tmp_path / "snapshot.json").write_text(json.dumps(found | {"addresses": []}))
    assert RouterDirectory(tmp_path).snapshot().addresses == ()


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ([], "'the file' is not dict"),
        ({"links": {}}, "'links' is not list"),
        ({"addresses": [{"device": "lan", "address": "near"}]}, "'addresses: address' is not an address with a prefix"),
        ({"routes": [{"target": "far", "devices": []}]}, "'routes: target' is not a network"),
        ({"packet_rules": [{"match": {"src": "all"}}]}, "'packet_rules: src' is not an address or network"),
        ({"uncounted": [{"pair": ["lan"], "devices": []}]}, "'uncounted: pair' is not two zones"),
        ({"given_up": [{"pair": ["lan"], "flows": 1}]}, "'given_up: pair' is not two zones"),
        ({"kernel": {"missing": ["nft"]}}, "'kernel: missing' is not dict"),
        ({"stations": [{"mac": "02:00:00:00:00:01", "device": "lan1", "addresses": ["x"]}]}, "'stations: addresses'"),
        ({"stations": [{"mac": "02:00:00:00:00:01", "device": "lan1", "addresses": 1}]}, "stations: 'addresses'"),
        ({"filters": [{"fwmark": "one"}]}, "'fwmark' is not a number from 0 to 0xffffffff"),
    ],
)
def test_a_bad_value_is_named(tmp_path: Path, found: object, sentence: str) -> None:
    (tmp_path / "snapshot.json").write_text(json.dumps(found))
    with pytest.raises(FileError) as refused:
        RouterDirectory(tmp_path).snapshot()
    assert str(refused.value).startswith(f"{tmp_path}/snapshot.json is not a router's snapshot: {sentence}")
