"""Which rules of the live ruleset established packets meet, and which of those treat them by their marks."""

from dataclasses import replace

from offload.compiler.offload.foreign_rules import mark_readers
from offload.model.live_rule import LiveChain, LiveRule
from offload.model.network import MarkReader

FULL = 0xFFFFFFFF
FORWARD = LiveChain("inet", "x", "forward", "forward", 0)
DROPS = LiveRule("inet", "x", "forward", ("drop",), mark=(1, FULL))
ESTABLISHED = LiveRule("inet", "x", "forward", ("accept",), matches=frozenset({"state"}))
READER = MarkReader("inet x", "forward", "drop", 1, FULL)


def test_a_rule_that_drops_by_the_mark_is_a_reader() -> None:
    assert mark_readers([FORWARD], [DROPS], []) == (READER,)
    assert mark_readers([replace(FORWARD, hook="postrouting")], [DROPS], []) == (READER,)


def test_rules_that_only_route_by_it_are_none() -> None:
    marks = replace(DROPS, does=("mark",))
    returns = replace(DROPS, does=())
    accepts = replace(DROPS, does=("accept",))
    assert mark_readers([FORWARD], [marks, returns, accepts, replace(DROPS, mark=(0, 0))], []) == ()


def test_our_own_rules_and_those_of_the_configuration_are_none() -> None:
    assert mark_readers([FORWARD], [DROPS], ["x"]) == ()
    assert mark_readers([FORWARD], [replace(DROPS, comment="!fw4: Block")], []) == ()


def test_what_established_packets_do_not_meet_is_none() -> None:
    assert mark_readers([FORWARD], [ESTABLISHED, DROPS], []) == ()
    assert mark_readers([FORWARD], [DROPS, ESTABLISHED], []) == (READER,)
    assert mark_readers([replace(FORWARD, hook="input")], [DROPS], []) == ()
    assert mark_readers([replace(FORWARD, hook="")], [DROPS], []) == ()


def test_what_a_chain_does_that_is_jumped_to_counts() -> None:
    jumps = replace(DROPS, does=(), targets=("a",))
    chain = [
        replace(DROPS, chain="a", does=(), mark=None, targets=("b", "a")),
        replace(DROPS, chain="b", does=("limit",), mark=None),
    ]
    assert mark_readers([FORWARD], [jumps, *chain], []) == (replace(READER, does="limit"),)
    assert mark_readers([FORWARD], [jumps, chain[0]], []) == ()
    below = [replace(DROPS, mark=None, does=(), targets=("a",)), replace(DROPS, chain="a")]
    assert mark_readers([FORWARD], below, []) == (replace(READER, chain="a"),)
