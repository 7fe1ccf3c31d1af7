"""Which flows a driver may still have in hardware after the kernel removed them."""

import pytest

from offload.model.flow import State, Tuple
from offload.status.hardware.evicted import BACK, SETTLING, UNSEEN, Evicted, Key, Seen


def key(number: int) -> Key:
    return 6, Tuple(b"\xc0\xa8\x01\x02", b"\xc6\x33\x64\x09", number, 443)


ONE, TWO = key(1), key(2)
TAKEN_OUT = Evicted().joined({ONE, TWO}, 100)
FIRST = 100 + SETTLING


def slow(packets: int) -> Seen:
    return Seen(State.SLOW, (packets, 10))


def compared(evicted: Evicted, *samples: tuple[float, dict[Key, Seen]]) -> Evicted:
    for at, seen in samples:
        evicted = evicted.compared(seen, at)
    return evicted


NOTED = compared(TAKEN_OUT, (FIRST, {ONE: slow(50), TWO: slow(60)}))


def test_a_flow_that_was_not_taken_out_is_not_missed() -> None:
    assert Evicted().compared({ONE: slow(1)}, 50) == Evicted()


def test_flows_that_are_not_seen_for_a_while_are_unaccounted() -> None:
    still = {ONE: slow(50), TWO: slow(60)}
    assert compared(NOTED, (FIRST + UNSEEN - 1, still)).unaccounted == ()
    assert set(compared(NOTED, (FIRST + UNSEEN, still)).unaccounted) == {ONE, TWO}


@pytest.mark.parametrize(
    "back",
    [slow(50 + BACK), Seen(State.SOFTWARE, (1, 1)), Seen(State.HARDWARE, (50, 10))],
    ids=["slow", "software", "hardware"],
)
def test_if_one_flow_is_seen_again_all_are_accounted_for(back: Seen) -> None:
    assert compared(NOTED, (FIRST + 5, {ONE: back, TWO: slow(60)})) == Evicted()


@pytest.mark.parametrize("end", [{}, {ONE: slow(52)}, {ONE: Seen(State.SLOW, None)}], ids=["gone", "fin", "uncounted"])
def test_a_flow_that_ends_proves_nothing_of_others(end: dict[Key, Seen]) -> None:
    evicted = compared(NOTED, (FIRST + 5, {**end, TWO: slow(60)}), (FIRST + UNSEEN, {TWO: slow(60)}))
    assert set(evicted.unaccounted) == {TWO}


def test_the_kernel_takes_a_moment_to_take_them_out() -> None:
    early = {ONE: Seen(State.HARDWARE, (50, 10)), TWO: slow(60)}
    assert compared(TAKEN_OUT, (FIRST - 1, early)) == TAKEN_OUT
    assert compared(TAKEN_OUT, (FIRST, early)) == Evicted()


def test_what_is_taken_out_later_is_waited_for_as_long() -> None:
    more = compared(NOTED, (FIRST + UNSEEN, {ONE: slow(50), TWO: slow(60)})).joined({key(3)}, 200)
    assert more.unaccounted == ()
    still = {ONE: slow(50), key(3): slow(5)}
    assert set(compared(more, (210, still), (210 + UNSEEN, still)).unaccounted) == {ONE, key(3)}
