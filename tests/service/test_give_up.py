"""What hardware is no longer requested for, and when it is requested again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.flow import Tuple
from offload.model.network import GivenUp
from offload.service.hardware.give_up import FLOWS, SECONDS, GiveUp, hopeless, hopeless_families
from offload.status.hardware.evicted import Key
from offload.status.hardware.pair_hardware import PairHardware, Sample, without_family

LAN_WAN, RETRY = ("lan", "wan"), 6 * 3600.0


def keys(count: int, size: int = 4) -> frozenset[Key]:
    return frozenset((6, Tuple(bytes(size), bytes(size), number, 443)) for number in range(count))


def case(flows: int = FLOWS, seconds: float = SECONDS, taken: tuple[str, ...] = ()) -> PairHardware:
    stayed, busy = {"ipv4": keys(flows)}, {"ipv4": seconds}
    return PairHardware(("lan1", "wan"), stayed=stayed, busy=busy, taken=frozenset(taken))


OPEN, HOPELESS, TAKING = PairHardware(("lan1", "wan")), case(), case(0, 0, ("ipv4",))


@pytest.mark.parametrize(
    ("found", "given_up"),
    [
        (OPEN, False),
        (HOPELESS, True),
        (case(FLOWS - 1, 600), False),
        (case(100, SECONDS - 1), False),
        (case(taken=("ipv4",)), False),
        (case(taken=("ipv6",)), False),
        (replace(HOPELESS, sample=Sample(0, "", {}, marked=1)), False),
    ],
    ids=["no flows", "enough", "few flows", "a short time", "some taken", "a family taken", "one in hardware now"],
)
def test_when(found: PairHardware, given_up: bool) -> None:
    assert hopeless(found) is given_up


def test_both_families_together_are_enough() -> None:
    halves = {"ipv4": keys(FLOWS // 2), "ipv6": keys(FLOWS // 2, 16)}
    assert hopeless(PairHardware((), stayed=halves, busy={"ipv4": 30.0, "ipv6": 30.0}))


def test_a_pair_is_given_up_once_until_the_time_is_over() -> None:
    found = GiveUp()
    what = GivenUp(FLOWS, LAN_WAN)
    assert found.judge({LAN_WAN: HOPELESS}, {}, 10, RETRY) == (what,)
    assert (found.given_up, found.due, found.news(), found.news()) == ((what,), 10 + RETRY, True, False)
    assert found.judge({LAN_WAN: case(80)}, {}, 20, RETRY) == ()
    assert (found.ended(9 + RETRY), found.news()) == ((), False)
    assert (found.ended(10 + RETRY), found.news(), found.given_up, found.due) == ((what,), True, (), None)


def test_a_device_only_where_others_of_its_pair_are_in_hardware() -> None:
    ports = {"lan1": HOPELESS, "lan2": TAKING, "wan": case(taken=("ipv4",))}
    assert GiveUp().judge({LAN_WAN: OPEN}, ports, 0, RETRY) == ()
    assert GiveUp().judge({LAN_WAN: TAKING}, ports, 0, RETRY) == (GivenUp(FLOWS, device="lan1"),)


def test_one_family_where_hardware_takes_the_other() -> None:
    both = {"ipv6": keys(FLOWS, 16)}, {"ipv6": SECONDS}
    mixed = PairHardware(("lan1", "wan"), stayed=both[0], busy=both[1], taken=frozenset({"ipv4"}))
    found, what = GiveUp(), GivenUp(FLOWS, LAN_WAN, family="ipv6")
    assert hopeless_families(replace(mixed, taken=frozenset())) == []  # then it is the whole pair
    assert hopeless_families(replace(mixed, taken=frozenset({"ipv4", "ipv6"}))) == []  # its table may be full
    assert hopeless_families(replace(mixed, busy={"ipv6": SECONDS - 1})) == []
    assert found.judge({LAN_WAN: mixed}, {}, 0, RETRY) == (what,)
    assert what.name == "lan > wan (ipv6)"
    assert hopeless_families(without_family(mixed, "ipv6")) == []
    assert found.ended(RETRY) == (what,)


def test_a_device_is_not_given_up_for_a_family_that_no_device_takes() -> None:
    """A laptop that speaks IPv6 only is alone at its port, and the chip takes IPv4."""
    six = PairHardware((), stayed={"ipv6": keys(FLOWS, 16)}, busy={"ipv6": SECONDS})
    assert GiveUp().judge({LAN_WAN: TAKING}, {"lan1": six, "lan2": TAKING}, 0, RETRY) == ()
    both = replace(TAKING, taken=frozenset({"ipv4", "ipv6"}))
    assert GiveUp().judge({LAN_WAN: both}, {"lan1": six}, 0, RETRY) == (GivenUp(FLOWS, device="lan1"),)


def test_what_is_gone_is_forgotten() -> None:
    found = GiveUp()
    found.judge({LAN_WAN: HOPELESS, ("guest", "wan"): TAKING}, {"lan1": HOPELESS}, 0, RETRY)
    found.follow({LAN_WAN}, {"lan1"})
    assert [each.name for each in found.given_up] == ["lan > wan", "lan1"]
    found.follow({("guest", "wan")}, {"lan1"})
    assert [each.name for each in found.given_up] == ["lan1"]
    found.follow({LAN_WAN}, {"lan2"})
    assert found.given_up == ()


def test_a_reload_asks_again() -> None:
    found = GiveUp()
    found.judge({LAN_WAN: HOPELESS}, {}, 0, RETRY)
    found.forget()
    assert found.judge({LAN_WAN: HOPELESS}, {}, 1, RETRY)


CASES = st.builds(case, st.integers(0, 40), st.floats(0, 120), st.sampled_from([(), ("ipv4",), ("ipv6",)]))


@given(st.lists(st.tuples(st.dictionaries(st.sampled_from([LAN_WAN, ("a", "b")]), CASES), st.floats(0, 1e5))))
def test_nothing_in_hardware_is_ever_given_up(rounds: list[tuple[dict[tuple[str, str], PairHardware], float]]) -> None:
    found = GiveUp()
    for pairs, now in rounds:
        fresh = found.judge(pairs, {}, now, RETRY)
        assert not any(pairs[each.pair].taken for each in fresh if each.pair and not each.family)
        assert not any(each.family in pairs[each.pair].taken for each in fresh if each.pair)
        assert all(found.due is not None and found.due <= now + RETRY for _ in fresh)
