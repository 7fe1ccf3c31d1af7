"""The command on the running router, over fake doors: missing parts, refusals, and the text sent to nft."""

import json
import time
from pathlib import Path

import pytest

from command import Offload, edit
from offload.cli.answer import Exit
from offload.errors import KernelError, NftError
from offload.service.doors import Doors
from offload.system.config import uci
from offload.system.config.uci import Uci
from offload.system.directory.router_directory import RouterDirectory
from offload.system.fake_nft import FakeNft
from offload.system.files.private_file import FakePrivateFile
from offload.system.netifd import DUMP
from offload.system.netlink.ct import conntrack
from offload.system.netlink.ct.conntrack import FakeConntrack
from offload.system.netlink.route import links
from offload.system.netlink.route.links import FakeNetlink, LinkDump
from offload.system.nft import door as nft_door
from offload.system.nft.door import Nft
from offload.system.nft.probe import probe
from offload.system.ubus import client
from offload.system.ubus.client import FakeUbusClient


@pytest.fixture(name="nft")
def _nft() -> FakeNft:
    return FakeNft()


@pytest.fixture(name="live")
def _live(root: Path, nft: FakeNft, monkeypatch: pytest.MonkeyPatch) -> FakeNft:
    """Run as on the router HOME itself, with this nft."""
    snapshot = json.loads((root / "snapshot.json").read_text())
    scene = LinkDump(links=RouterDirectory(root).snapshot().links)
    monkeypatch.setattr(
        "offload.system.ubus.client.UbusClient", lambda *_: FakeUbusClient({DUMP: snapshot["ubus"][DUMP]})
    )
    monkeypatch.setattr("offload.system.netlink.route.links.Netlink", lambda: FakeNetlink(scene))
    monkeypatch.setattr("offload.system.netlink.ct.conntrack.Conntrack", FakeConntrack)
    monkeypatch.setattr("offload.system.config.uci.Uci", lambda confdir=root / "etc/config": Uci(confdir))
    monkeypatch.setattr("offload.system.nft.door.Nft", lambda: nft)
    monkeypatch.setattr("offload.service.main.doors", _doors)
    return nft


def _doors() -> Doors:
    """As `offload.service.main` makes them, of the fakes of this moment."""
    made = nft_door.Nft()
    return Doors(
        uci=uci.Uci(),
        nft=made,
        bus=client.UbusClient(),
        netlink=links.Netlink(),
        conntrack=conntrack.Conntrack(),
        probe=lambda: probe(made, "6.1.0", frozenset()),
        clock=time.monotonic,
        saved=FakePrivateFile(),
    )


def test_nft_that_is_missing(offload: Offload, live: FakeNft, monkeypatch: pytest.MonkeyPatch) -> None:
    assert live
    monkeypatch.setattr("offload.system.nft.door.Nft", lambda: Nft("/nowhere/nft"))
    checked = offload("check")
    assert checked.code == Exit.LACKING
    assert checked.out == "the program nft is missing; install nftables-json\n"
    assert offload("status").code == Exit.DONE
    assert offload("print").code == Exit.LACKING
    applied = offload("apply")
    assert (applied.code, applied.out) == (Exit.LACKING, "Nothing was sent.\n")
    assert "the program nft is missing; install nftables-json" in applied.err


class OldKernel(FakeNft):
    """A kernel that has nftables and no flowtables."""

    def check(self, text: str) -> None:
        if "flowtable" in text:
            raise NftError("Could not process rule: No such file or directory")


@pytest.mark.parametrize("nft", [OldKernel()])
def test_a_kernel_without_flowtables(offload: Offload, live: OldKernel) -> None:
    checked = offload("check")
    assert checked.code == Exit.LACKING
    assert checked.out.startswith("this kernel has no flowtables (Could not process rule")
    assert checked.out.endswith("; install kmod-nft-offload\n")
    assert offload("apply").code == Exit.LACKING
    assert live.sent == []
    status = offload("status", "--json").data
    assert not status["kernel"]["flowtable"]
    assert {reason["code"] for zone in status["zones"] for reason in zone["reasons"]} == {
        "KERNEL_WITHOUT_FLOWTABLE",
        "MODE_NONE",
    }


def test_apply_sends_one_transaction_and_its_dry_run_shows_it(offload: Offload, live: FakeNft) -> None:
    dry = offload("apply", "--dry-run", "--json").data["transactions"]
    assert live.sent == []
    ran = offload("apply")
    assert (ran.code, ran.out, ran.err) == (Exit.DONE, "Applied in 1 transaction.\n", "")
    assert live.sent == dry


def fw4_offloads(root: Path) -> None:
    """Switch fw4's own offload on, and leave no zone with a mode of its own."""
    edit(root, "firewall", "config defaults\n", "config defaults\n\toption flow_offloading '1'\n")
    edit(root, "offload", "mode 'none'", "mode 'software'")


def options(root: Path, package: str) -> str:
    return (root / "etc/config" / package).read_text()


def test_fw4_s_offload_is_taken_over_where_no_service_runs(offload: Offload, live: FakeNft, root: Path) -> None:
    fw4_offloads(root)
    ran = offload("takeover")
    assert (ran.code, ran.err) == (Exit.DONE, "")
    assert "lan > wan: none -> software" in ran.out
    assert ran.out.endswith("Reload the firewall: /etc/init.d/firewall reload\n")  # procd is not there
    assert "flow_offloading '0'" in options(root, "firewall") and len(live.sent) == 1
    again = offload("takeover")
    assert (again.code, again.out.partition(":")[0], len(live.sent)) == (Exit.DONE, "Nothing is taken over", 1)
    back = offload("giveback")
    assert (back.code, back.err) == (Exit.DONE, "")
    assert "lan > wan: software -> none" in back.out
    assert "flow_offloading '1'" in options(root, "firewall")


@pytest.mark.parametrize("written", [("--once",), ("--root",)])
def test_a_takeover_that_only_writes_files(offload: Offload, live: FakeNft, root: Path, written: tuple[str]) -> None:
    fw4_offloads(root)
    ran = offload("takeover", *written, *([str(root)] if written == ("--root",) else []))
    assert (ran.code, live.sent) == (Exit.DONE, [])
    assert "flow_offloading '0'" in options(root, "firewall")


class BusyKernel(FakeNft):
    """A kernel that takes nothing."""

    def apply(self, text: str) -> None:
        assert text
        raise NftError("Could not process rule: Device or resource busy")


@pytest.mark.parametrize("nft", [BusyKernel()])
def test_a_refused_transaction_is_nft_s_sentence(offload: Offload, live: BusyKernel) -> None:
    ran = offload("apply")
    assert (ran.code, ran.out, live.sent) == (Exit.FAILED, "", [])
    assert ran.err == "offload: Could not process rule: Device or resource busy\n"


@pytest.mark.parametrize("nft", [BusyKernel()])
def test_a_takeover_that_the_kernel_does_not_follow(offload: Offload, live: BusyKernel, root: Path) -> None:
    fw4_offloads(root)
    ran = offload("takeover")
    assert (ran.code, live.sent) == (Exit.FAILED, [])
    assert ran.err.startswith("offload: the files are written, but the kernel does not follow: Could not process rule")
    assert "flow_offloading '0'" in options(root, "firewall")


def test_flows_that_cannot_be_read(offload: Offload, live: FakeNft, monkeypatch: pytest.MonkeyPatch) -> None:
    assert live
    sentence = "the kernel does not list its connections"
    monkeypatch.setattr(
        "offload.system.netlink.ct.conntrack.Conntrack", lambda: FakeConntrack(error=KernelError(sentence))
    )
    assert offload("flows").err == f"offload: {sentence}\n"
    status = offload("status")
    assert (status.code, status.err) == (Exit.DONE, f"offload: flows are not counted: {sentence}\n")


@pytest.mark.parametrize(
    "query",
    [["--state", "quick"], ["--limit", "-1"], ["--host", "x"], ["--sort", "colour"], ["--zone", "cellar"]],
    ids=" ".join,
)
def test_a_question_that_cannot_be_meant(offload: Offload, live: FakeNft, query: list[str]) -> None:
    assert live
    ran = offload("flows", *query)
    assert (ran.code, ran.out, ran.err.count("\n")) == (Exit.USAGE, "", 1)


def test_a_snapshot_of_the_running_router_decides_the_same(offload: Offload, live: FakeNft, tmp_path: Path) -> None:
    assert live
    copy = tmp_path / "copy"
    assert offload("snapshot", str(copy)).code == Exit.DONE
    assert offload("print", "--root", str(copy)).out == offload("print").out


def test_a_snapshot_into_a_used_directory_is_refused(offload: Offload, live: FakeNft, tmp_path: Path) -> None:
    assert live
    (tmp_path / "file").write_text("mine")
    ran = offload("snapshot", str(tmp_path))
    assert (ran.code, "is not empty, and nothing is overwritten" in ran.err) == (Exit.FAILED, True)


def test_a_snapshot_has_names_only_where_it_is_asked_to(
    offload: Offload, live: FakeNft, root: Path, tmp_path: Path
) -> None:
    assert live
    with (root / "etc/config/offload").open("a") as file:
        file.write("\nconfig exempt 'bob'\n\toption name 'Bob phone'\n\tlist src_ip '192.168.1.50'\n")
    for number, (words, named) in enumerate((((), False), (("--with-names",), True))):
        copy = tmp_path / f"copy{number}"
        assert offload("snapshot", str(copy), *words).code == Exit.DONE
        text = (copy / "etc/config/offload").read_text()
        assert ("Bob phone" in text, "'bob'" in text, "192.168.1.50" in text) == (named, named, True)
