"""What samples of live flows show about a pair in hardware, and the faults that they find."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.flow import State, Tuple
from offload.model.problems.reason import ReasonCode
from offload.status.hardware.evicted import Key, Seen
from offload.status.hardware.pair_hardware import FLOWS, PACKETS, PairHardware, Sample, Verdict, with_evicted
from offload.status.hardware.update import updated

OPEN = PairHardware(("lan1", "wan"), unbridged=("wan",))
FOUR, SIX = b"\xc0\xa8\x01\x02", bytes(16)


def key(number: int, src: bytes = FOUR) -> Key:
    return 6, Tuple(src, src, number, 443)


def sample(
    at: float, flows: dict[Key, tuple[State, int]], strays: int = 0, received: int = 0, counted: int = 0
) -> Sample:
    marked = sum(state is State.HARDWARE for state, _ in flows.values())
    seen = {each: Seen(state, (packets // 2, packets - packets // 2)) for each, (state, packets) in flows.items()}
    return Sample(at, f"t{at:g}", seen, marked, strays, received, counted)


def after(case: PairHardware, *samples: Sample) -> PairHardware:
    for each in samples:
        evicted = case.evicted.compared(each.flows, each.at)
        case = replace(updated(case, each), evicted=evicted)
    return case


def hardware(packets: int) -> dict[Key, tuple[State, int]]:
    return {key(1): (State.HARDWARE, packets)}


def software(packets: int, numbers: Iterable[int] = (1,), src: bytes = FOUR) -> dict[Key, tuple[State, int]]:
    return {key(number, src): (State.SOFTWARE, packets) for number in numbers}


def codes(case: PairHardware) -> list[ReasonCode]:
    return [reason.code for reason in case.reasons]


def test_without_flows_it_is_bound() -> None:
    case = after(OPEN, sample(0, {}), sample(10, {}))
    assert (case.verdict, case.since, case.reasons, case.settled) == (Verdict.BOUND, "t0", (), False)


def test_flows_that_carry_the_mark_and_move_prove_it() -> None:
    case = after(OPEN, sample(0, hardware(5)), sample(10, hardware(5 + PACKETS)), sample(20, hardware(500)))
    assert (case.verdict, case.since, case.in_hardware, case.reasons) == (Verdict.PROVEN, "t10", 1, ())
    assert case.settled


def test_a_mark_on_flows_that_do_not_move_proves_nothing() -> None:
    assert (
        after(OPEN, sample(0, hardware(5)), sample(10, hardware(5)), sample(20, hardware(5))).verdict is Verdict.BOUND
    )


def test_where_the_kernel_counts_nothing_nothing_is_proven() -> None:
    blind = Sample(0, "", {key(1): Seen(State.HARDWARE, None)}, 1)
    assert after(OPEN, blind, replace(blind, at=10)).verdict is Verdict.BOUND


def test_a_mark_whose_packets_take_the_slow_path_is_a_lie() -> None:
    case = after(OPEN, sample(0, hardware(10)), sample(10, hardware(110), strays=50))
    assert (case.verdict, codes(case)) == (Verdict.REFUSED, [ReasonCode.HARDWARE_STRAYS])


def one_way(at: float, forth: int, back: int, proto: int = 6) -> Sample:
    return Sample(at, f"t{at:g}", {(proto, key(1)[1]): Seen(State.HARDWARE, (forth, back))}, 1)


def test_one_direction_alone_is_not_hardware() -> None:
    case = after(OPEN, one_way(0, 10, 10), one_way(10, 10, 500), one_way(20, 10, 900))
    assert (case.verdict, codes(case), case.settled) == (Verdict.REFUSED, [ReasonCode.HARDWARE_HALF], True)
    assert "890 packets" in case.reasons[0].text


def test_of_udp_one_direction_proves_nothing_and_refutes_nothing() -> None:
    case = after(OPEN, one_way(0, 10, 10, 17), one_way(10, 10, 900, 17))
    assert (case.verdict, case.reasons, case.moved) == (Verdict.BOUND, (), 890)
    assert after(case, one_way(20, 30, 990, 17)).verdict is Verdict.PROVEN


def test_what_a_dead_connection_repeats_refutes_nothing() -> None:
    samples = [one_way(at, at, 10) for at in range(0, 100, 10)]
    assert (after(OPEN, *samples).verdict, after(OPEN, *samples).reasons) == (Verdict.BOUND, ())


def test_some_in_one_direction_beside_many_in_both_are_reported() -> None:
    both = {key(2): (State.HARDWARE, 0)}, {key(2): (State.HARDWARE, 1000)}
    samples = [
        replace(one_way(at, 10, back), flows={**one_way(at, 10, back).flows, **sample(at, flows).flows})
        for at, back, flows in ((0, 10, both[0]), (10, 110, both[1]))
    ]
    assert (after(OPEN, *samples).verdict, codes(after(OPEN, *samples))) == (Verdict.PROVEN, [ReasonCode.HARDWARE_HALF])


def test_a_new_connection_in_the_place_of_another_has_moved_nothing() -> None:
    assert after(OPEN, one_way(0, 500, 10), one_way(10, 3, 900)).moved == 0


def test_flows_that_are_taken_out_of_hardware_and_not_seen_again() -> None:
    case = after(OPEN, sample(0, hardware(0)), sample(10, hardware(500)))
    rests = {key(1): (State.SLOW, 510)}
    case = after(with_evicted(case, 12), sample(20, rests), sample(30, rests))
    assert (case.reasons, case.settled) == ((), False)
    case = after(case, sample(40, rests))
    assert (case.verdict, codes(case), case.settled) == (Verdict.PROVEN, [ReasonCode.HARDWARE_KEPT], True)
    assert after(case, sample(50, {})).reasons == ()


def test_few_strays_are_in_order() -> None:
    assert after(OPEN, sample(0, hardware(10)), sample(10, hardware(2010), strays=30)).verdict is Verdict.PROVEN


def test_a_table_that_was_made_anew_counts_strays_from_zero() -> None:
    case = after(
        OPEN, sample(0, hardware(10)), sample(10, hardware(510), strays=20), sample(20, hardware(900), strays=0)
    )
    assert (case.verdict, case.strays) == (Verdict.PROVEN, 20)


def test_a_hundred_flows_that_stay_in_software_refute_it() -> None:
    before, later = software(5, range(FLOWS)), software(50, range(FLOWS))
    case = after(OPEN, sample(0, before), sample(10, later))
    assert (case.verdict, codes(case)) == (Verdict.REFUSED, [ReasonCode.HARDWARE_DRIVER])
    assert case.reasons[0].text.startswith("100 of the pair's flows ") and "lan1, wan" in case.reasons[0].text


def test_a_minute_of_traffic_in_software_refutes_it() -> None:
    samples = [sample(at, software(at)) for at in range(10, 81, 10)]
    assert after(OPEN, *samples[:-2]).verdict is Verdict.BOUND
    assert after(OPEN, *samples).verdict is Verdict.REFUSED


def test_a_flow_that_rests_in_software_refutes_nothing() -> None:
    assert after(OPEN, *(sample(at, software(7)) for at in range(0, 200, 10))).verdict is Verdict.BOUND


def test_one_sample_refutes_nothing() -> None:
    assert after(OPEN, sample(0, software(1000, range(1000)))).verdict is Verdict.BOUND


def test_a_family_that_no_driver_takes() -> None:
    samples = [sample(at, hardware(at) | software(at, src=SIX)) for at in range(10, 81, 10)]
    case = after(OPEN, *samples)
    assert (case.verdict, codes(case)) == (Verdict.PROVEN, [ReasonCode.HARDWARE_FAMILY])
    assert "ipv6" in case.reasons[0].text


def test_a_full_table() -> None:
    many = range(2, 2 + FLOWS)
    case = after(OPEN, *(sample(at, hardware(at) | software(at, many)) for at in (10, 20, 40)))
    assert (case.verdict, codes(case)) == (Verdict.PROVEN, [ReasonCode.HARDWARE_FULL])
    case = after(case, sample(50, hardware(50)), sample(60, hardware(70)))
    assert case.reasons == ()


def test_tags_are_the_likelier_cause_where_there_are_some() -> None:
    case = after(replace(OPEN, tagged=("wan.7",)), *(sample(at, software(at)) for at in range(10, 81, 10)))
    assert codes(case) == [ReasonCode.HARDWARE_ENCAPSULATED]


def test_a_driver_that_changes_its_mind() -> None:
    case = after(OPEN, *(sample(at, software(at)) for at in range(10, 81, 10)))
    case = after(case, sample(90, hardware(80)), sample(100, hardware(200)))
    assert (case.verdict, case.since, case.reasons) == (Verdict.PROVEN, "t100", ())


def test_counters_that_stand_still_while_the_device_receives() -> None:
    samples = [sample(at, hardware(5), received=at * 1_000_000) for at in (10, 20, 30)]
    case = after(OPEN, *samples)
    assert (case.frozen, case.verdict, codes(case)) == (True, Verdict.PROVEN, [ReasonCode.HARDWARE_FROZEN])
    assert "though they come in on wan" in case.reasons[0].text
    assert not after(case, sample(40, hardware(50), received=40_000_000)).frozen


@pytest.mark.parametrize(
    ("received", "counted"), [((0, 0, 0), (0, 0, 0)), ((0, 9_000_000, 18_000_000), (0, 8_000_000, 16_000_000))]
)
def test_what_is_counted_somewhere_freezes_nothing(received: tuple[int, ...], counted: tuple[int, ...]) -> None:
    samples = [
        sample(at, hardware(5), received=octets, counted=theirs)
        for at, octets, theirs in zip((10, 20, 30), received, counted, strict=True)
    ]
    assert not after(OPEN, *samples).frozen


FLOW = st.tuples(st.sampled_from([State.SOFTWARE, State.HARDWARE]), st.integers(0, 10_000))
KEYS = st.integers(0, 200).flatmap(lambda number: st.sampled_from([key(number), key(number, SIX)]))
LOOKS = st.lists(st.tuples(st.dictionaries(KEYS, FLOW, max_size=20), st.integers(0, 1000)), max_size=12)


@given(LOOKS)
def test_whatever_is_seen(found: list[tuple[dict[Key, tuple[State, int]], int]]) -> None:
    """Nothing is proven without the mark or refuted without a reason; `since` changes with the verdict only."""
    samples = [sample(at * 10.0, flows, strays) for at, (flows, strays) in enumerate(found)]
    cases = [OPEN]
    for each in samples:
        cases.append(updated(cases[-1], each))
    marked = any(each.marked for each in samples)
    for before, case in pairwise(cases):
        assert case.verdict is not Verdict.PROVEN or marked
        assert (case.verdict is Verdict.REFUSED) <= bool(case.reasons)
        assert case.since == before.since or case.verdict is not before.verdict or before.sample is None
        assert all(len(flows) <= FLOWS for flows in case.stayed.values())
