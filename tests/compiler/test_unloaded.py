"""Which rules of nft files the kernel does not hold yet."""

from dataclasses import replace

import pytest

from offload.compiler.offload.unloaded import NftFile, unloaded
from offload.model.kernel.live_rule import LiveChain, LiveRule, PacketRule, UnloadedFile

FORWARD = LiveChain("inet", "fw4", "forward", "forward", 0)
ACCEPTS = LiveRule("inet", "fw4", "forward", ("vmap",), matches=frozenset({"state"}), ends=True, sets=("__map3",))
LIVE = (FORWARD,), (ACCEPTS,)
TTL = LiveRule("inet", "fw4", "forward", ("ttl",), digest=7)
FOUND = PacketRule("inet fw4", "forward", "forward", "ttl")
OWN = LiveChain("inet", "fw4", "own", "postrouting", 0)


@pytest.mark.parametrize(("position", "met"), [("chain-prepend", True), ("chain-append", False)])
def test_packets_meet_a_file_before_the_chain_s_own_rules_or_not_at_all(position: str, *, met: bool) -> None:
    found = unloaded(LIVE, [NftFile("/a.nft", position, ((), (TTL,)))], ())
    assert found == ((UnloadedFile("/a.nft", (FOUND,)),) if met else ())


def test_what_the_kernel_holds_already_is_not_named() -> None:
    loaded = ((FORWARD,), (replace(TTL, digest=8), replace(TTL, does=("limit",), sets=("__set9",)), ACCEPTS))
    file = NftFile("/a.nft", "chain-prepend", ((), (TTL, replace(TTL, does=("limit",), sets=("__set%d",)))))
    assert unloaded(loaded, [file], ()) == ()
    edited = replace(file, content=((), (*file.content[1], replace(TTL, does=("quota",)))))
    (each,) = unloaded(loaded, [edited], ())
    assert [rule.does for rule in each.rules] == ["quota"]


def test_a_chain_of_a_file_counts_and_so_does_one_that_another_file_jumps_to() -> None:
    one = NftFile("/a.nft", "table-append", ((OWN,), (replace(TTL, chain="own", does=(), targets=("slow",)),)))
    other = NftFile("/b.nft", "table-append", ((), (replace(TTL, chain="slow"),)))
    assert unloaded(LIVE, [one, other], ()) == (
        UnloadedFile("/b.nft", (PacketRule("inet fw4", "slow", "postrouting", "ttl"),)),
    )
    assert unloaded(LIVE, [other], ()) == ()


def test_rules_of_our_own_tables_are_not_named() -> None:
    assert unloaded(LIVE, [NftFile("/a.nft", "chain-prepend", ((), (TTL,)))], ["fw4"]) == ()
