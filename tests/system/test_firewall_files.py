"""The network devices that the firewall reads below /sys/class/net."""

import os
from pathlib import Path

import pytest

from offload.cli.firewall.compiled import read_inputs
from offload.errors import FileError
from offload.service.firewall import inputs
from offload.system.firewall_files import FirewallFiles

BRIDGE = {"br-lan": ("lan1", "lan2"), "lan1": (), "lan2": ()}


def device(root: Path, name: str, *lower: str, kind: str = "") -> None:
    here = root / "sys/class/net" / name
    for each in lower:
        (here / f"lower_{each}").mkdir(parents=True)
    here.mkdir(parents=True, exist_ok=True)
    (here / "uevent").write_bytes(os.fsencode(f"{f'DEVTYPE={kind}' if kind else ''}\nINTERFACE={name}\n"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc/config").mkdir(parents=True)
    (tmp_path / "etc/config/firewall").write_text("")
    device(tmp_path, "br-lan", "lan1", "lan2", kind="bridge")
    device(tmp_path, "lan1")
    device(tmp_path, "lan2")
    return tmp_path


@pytest.mark.timeout(10)
def test_only_regular_files_are_read(root: Path) -> None:
    """A pipe in /tmp, which anybody can make, would stop the service."""
    os.mkfifo(root / "pipe")
    (root / "list").write_bytes(b"192.0.2.1\n\xff\n")
    files = FirewallFiles(root)
    assert (files.text("/pipe"), files.text("/absent"), files.text("/list")) == (None, None, "192.0.2.1\n\ufffd\n")


@pytest.mark.timeout(10)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(root: Path) -> None:
    files = FirewallFiles(root)
    before = files.configuration()
    os.mkfifo(root / "snapshot.json")
    os.mkfifo(root / "etc/config/network")
    with pytest.raises(FileError, match="not a regular file"):
        files.snapshot()
    assert files.configuration() == before


def test_only_regular_files_are_included(root: Path) -> None:
    """A shell cannot source a directory, and nft does not include one."""
    os.mkfifo(root / "pipe")
    (root / "rules.nft").write_text("")
    (root / "link.nft").symlink_to("rules.nft")
    files = FirewallFiles(root)
    assert files.readable("/rules.nft") and files.readable("/link.nft")
    assert not any(map(files.readable, ("/etc/config", "/pipe", "/absent", "/", "")))


def test_a_pattern_of_an_include_matches_as_in_nft(root: Path) -> None:
    folder = root / "etc/nftables.d"
    (folder / "directory.nft").mkdir(parents=True)
    for name in ("b.nft", "a.nft", ".hidden.nft", "note.txt"):
        (folder / name).write_text("")
    matching = FirewallFiles(root).matching
    assert matching("/etc/nftables.d/*.nft") == ("/etc/nftables.d/a.nft", "/etc/nftables.d/b.nft")
    assert matching("/etc/nftables.d/.hidden.nft") == ("/etc/nftables.d/.hidden.nft",)


def test_a_bridge_and_a_vlan_have_devices_beneath_them(root: Path) -> None:
    device(root, "br-lan.5", "br-lan", kind="vlan")
    assert FirewallFiles(root).devices() == BRIDGE | {"br-lan.5": ("br-lan",)}


@pytest.mark.parametrize("kind", ["bond", "macvlan", ""])
def test_fw4_does_not_look_through_other_devices(root: Path, kind: str) -> None:
    device(root, "bond0", "lan3", kind=kind)
    (root / "sys/class/net/bonding_masters").write_text("bond0\n")  # the kernel's file, no device
    assert FirewallFiles(root).devices() == BRIDGE | {"bond0": ()}


def test_any_name_of_a_device_is_text_and_only_plain_ones_get_into_the_ruleset(root: Path) -> None:
    """The kernel takes any bytes but blanks, `/` and `:`; these would be lines of their own, and a quote."""
    odd = {os.fsdecode(b"\xff"): r"\xff", "\x1cDEVTYPE=vlan": r"\x1cDEVTYPE=vlan", 'a"b': 'a"b'}
    for name in odd:
        device(root, name)
    device(root, "br-odd", "lan3", *odd, kind="bridge")
    files = FirewallFiles(root)
    found = files.devices()
    assert set(found) == {*BRIDGE, *odd.values(), "br-odd"} and set(found["br-odd"]) == {"lan3", *odd.values()}
    assert not any(found[name] for name in odd.values())
    lower = inputs.read((), None, None, files, frozenset(), found, ()).lower
    assert lower == BRIDGE | {"br-odd": ("lan3",)}


def test_the_kind_that_netifd_says_counts(root: Path) -> None:
    device(root, "sw0", "lan1")
    assert FirewallFiles(root).devices({"sw0": "bridge"})["sw0"] == ("lan1",)


def test_a_device_without_uevent_has_nothing_beneath_it(root: Path) -> None:
    (root / "sys/class/net/br-lan/uevent").unlink()
    assert FirewallFiles(root).devices()["br-lan"] == ()


def test_a_router_directory_has_kinds_in_its_snapshot_and_ports_in_sysfs(root: Path) -> None:
    (root / "sys/class/net/br-lan/uevent").unlink()
    (root / "snapshot.json").write_text(
        '{"ubus": {"network.device status": {"br-lan": {"devtype": "bridge"}, "wg0": {}}}}'
    )
    assert read_inputs(root, FirewallFiles(root)).lower == BRIDGE | {"wg0": ()}
