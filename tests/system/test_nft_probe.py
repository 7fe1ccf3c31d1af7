"""Missing parts of kernel and nft, in the order of the checks, each with the package that provides it."""

from dataclasses import dataclass, field

import pytest

from offload.errors import NftError, NftFault
from offload.model.network import Kernel, Lack
from offload.system.fake_nft import FakeNft
from offload.system.nft.complaints import complaint
from offload.system.nft.door import Nft
from offload.system.nft.probe import STEPS, bindable, probe

ENOENT = "Could not process rule: No such file or directory"


@dataclass(slots=True)
class Poor(FakeNft):
    """A kernel that refuses every text with one of these words in it; `asked` is how often it was asked."""

    words: tuple[str, ...] = ()
    no: str = ENOENT
    fault: NftFault | None = None
    asked: list[str] = field(default_factory=list)

    def check(self, text: str) -> None:
        self.asked.append(text)
        if any(word in text for word in self.words):
            raise NftError(self.no, self.fault) if self.fault else complaint(f"Error: {self.no}")


def test_a_kernel_that_can() -> None:
    nft = Poor()
    able = Kernel("6.1.0", nft="1.0.6", modules=("nft_flow_offload",), ipsec=True)
    assert probe(nft, "6.1.0", ("nft_flow_offload",)) == able
    (text,) = nft.asked  # each run of nft takes a router 20 to 50 ms
    assert all(body in text for body, _ in STEPS)


@pytest.mark.parametrize(
    ("word", "steps", "lack"),
    [
        ("chain c { }", 1, "this kernel has no nftables"),
        ("ct state", 2, "this kernel cannot match connections in nftables"),
        ("flowtable", 3, "this kernel has no flowtables"),
        ("flow add", 4, "this kernel cannot add flows to a flowtable by a rule"),
        ("vmap", 5, "this kernel or nft cannot choose by a pair of devices"),
    ],
)
def test_it_stops_at_the_first_lack(word: str, steps: int, lack: str) -> None:
    nft = Poor(words=(word,))
    kernel = probe(nft, "6.1.0")
    assert len(nft.asked) == 1 + steps
    assert not kernel.flowtable
    (missing,) = kernel.missing
    assert missing.what == f"{lack} ({ENOENT})"
    assert missing.package.startswith(("kmod-nft-core", "kmod-nft-offload"))


def test_a_kernel_without_ipsec_has_flowtables_all_the_same() -> None:
    kernel = probe(Poor(words=("rt ipsec",)), "6.1.0")
    assert (kernel.flowtable, kernel.ipsec, kernel.missing) == (True, False, ())


def test_a_kernel_that_refuses_everything_at_once_but_each_feature_alone_takes_is_one_that_can() -> None:
    class Busy(Poor):
        def check(self, text: str) -> None:
            Poor.check(self, text)
            if len(self.asked) == 1:
                raise complaint("Error: Could not process rule: Device or resource busy")

    kernel = probe(Busy(), "6.1.0")
    assert kernel.flowtable and kernel.ipsec


def test_no_step_names_a_device_that_may_be_missing() -> None:
    """A missing device and a missing flowtable give the same error (docs/kernel.md 2)."""
    assert not any("devices" in body for body, _ in STEPS)


def test_no_nft() -> None:
    kernel = probe(Nft("/nowhere/nft"), "6.1.0")
    assert kernel.missing == (Lack("the program nft is missing", "nftables-json"),)
    assert (kernel.nft, kernel.flowtable) == ("", False)


def test_no_rights() -> None:
    class Forbidden(FakeNft):
        def lists(self) -> None:
            raise complaint("Operation not permitted (you must be root)")

    assert probe(Forbidden(), "6.1.0").missing == (Lack("nft may not touch the ruleset: run as root", ""),)


def test_what_a_hardware_flowtable_can_have() -> None:
    assert bindable(Poor(), ["wan", "lan1"]) == {"lan1": True, "wan": True}
    for no in ("Could not process rule: Operation not supported", "Could not process rule: Not supported"):
        assert bindable(Poor(words=('"wan"',), no=no), ["wan", "lan1"]) == {"lan1": True, "wan": False}
    nft = Poor()
    assert (bindable(nft, []), nft.asked) == ({}, [])


def test_a_device_that_cannot_answer_now_is_no_driver_that_refuses() -> None:
    assert bindable(Poor(words=('"wan"',)), ["wan", "lan1"]) == {"lan1": True}
    with pytest.raises(NftError, match="did not answer"):
        bindable(
            Poor(words=('"wan"',), no="nft did not answer within 10 seconds", fault=NftFault.SILENT), ["wan", "lan1"]
        )
