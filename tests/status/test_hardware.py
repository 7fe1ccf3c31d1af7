"""What looks at live flows prove of a pair in hardware, and what they show to be wrong."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.flow import State, Tuple
from offload.model.problems.reason import ReasonCode
from offload.status.proof.evicted import Key, Seen
from offload.status.proof.hardware import FLOWS, PACKETS, PairHardware, Proof, Sample, evicted, updated

OPEN = PairHardware(("lan1", "wan"), unbridged=("wan",))
FOUR, SIX = b"\xc0\xa8\x01\x02", bytes(16)


def key(number: int, src: bytes = FOUR) -> Key:
    return 6, Tuple(src, src, number, 443)


def look(
    at: float, flows: dict[Key, tuple[State, int]], strays: int = 0, received: int = 0, counted: int = 0
) -> Sample:
    marked = sum(state is State.HARDWARE for state, _ in flows.values())
    seen = {each: Seen(state, (packets // 2, packets - packets // 2)) for each, (state, packets) in flows.items()}
    return Sample(at, f"t{at:g}", seen, marked, strays, received, counted)


def after(case: PairHardware, *looks: Sample) -> PairHardware:
    for each in looks:
        case = updated(case, each)
    return case


def hardware(packets: int) -> dict[Key, tuple[State, int]]:
    return {key(1): (State.HARDWARE, packets)}


def software(packets: int, numbers: Iterable[int] = (1,), src: bytes = FOUR) -> dict[Key, tuple[State, int]]:
    return {key(number, src): (State.SOFTWARE, packets) for number in numbers}


def codes(case: PairHardware) -> list[ReasonCode]:
    return [reason.code for reason in case.reasons]


def test_without_flows_it_is_bound() -> None:
    case = after(OPEN, look(0, {}), look(10, {}))
    assert (case.proof, case.since, case.reasons, case.settled) == (Proof.BOUND, "t0", (), False)


def test_flows_that_carry_the_mark_and_move_prove_it() -> None:
    case = after(OPEN, look(0, hardware(5)), look(10, hardware(5 + PACKETS)), look(20, hardware(500)))
    assert (case.proof, case.since, case.in_hardware, case.reasons) == (Proof.PROVEN, "t10", 1, ())
    assert case.settled


def test_a_mark_on_flows_that_do_not_move_proves_nothing() -> None:
    assert after(OPEN, look(0, hardware(5)), look(10, hardware(5)), look(20, hardware(5))).proof is Proof.BOUND


def test_where_the_kernel_counts_nothing_nothing_is_proven() -> None:
    blind = Sample(0, "", {key(1): Seen(State.HARDWARE, None)}, 1)
    assert after(OPEN, blind, replace(blind, at=10)).proof is Proof.BOUND


def test_a_mark_whose_packets_take_the_slow_path_is_a_lie() -> None:
    case = after(OPEN, look(0, hardware(10)), look(10, hardware(110), strays=50))
    assert (case.proof, codes(case)) == (Proof.REFUSED, [ReasonCode.HARDWARE_STRAYS])


def one_way(at: float, forth: int, back: int, proto: int = 6) -> Sample:
    return Sample(at, f"t{at:g}", {(proto, key(1)[1]): Seen(State.HARDWARE, (forth, back))}, 1)


def test_one_direction_alone_is_not_hardware() -> None:
    case = after(OPEN, one_way(0, 10, 10), one_way(10, 10, 500), one_way(20, 10, 900))
    assert (case.proof, codes(case), case.settled) == (Proof.REFUSED, [ReasonCode.HARDWARE_HALF], True)
    assert "890 packets" in case.reasons[0].text


def test_of_udp_one_direction_proves_nothing_and_refutes_nothing() -> None:
    case = after(OPEN, one_way(0, 10, 10, 17), one_way(10, 10, 900, 17))
    assert (case.proof, case.reasons, case.moved) == (Proof.BOUND, (), 890)
    assert after(case, one_way(20, 30, 990, 17)).proof is Proof.PROVEN


def test_what_a_dead_connection_repeats_refutes_nothing() -> None:
    looks = [one_way(at, at, 10) for at in range(0, 100, 10)]
    assert (after(OPEN, *looks).proof, after(OPEN, *looks).reasons) == (Proof.BOUND, ())


def test_some_in_one_direction_beside_many_in_both_are_reported() -> None:
    both = {key(2): (State.HARDWARE, 0)}, {key(2): (State.HARDWARE, 1000)}
    looks = [
        replace(one_way(at, 10, back), flows={**one_way(at, 10, back).flows, **look(at, flows).flows})
        for at, back, flows in ((0, 10, both[0]), (10, 110, both[1]))
    ]
    assert (after(OPEN, *looks).proof, codes(after(OPEN, *looks))) == (Proof.PROVEN, [ReasonCode.HARDWARE_HALF])


def test_a_new_connection_in_the_place_of_another_has_moved_nothing() -> None:
    assert after(OPEN, one_way(0, 500, 10), one_way(10, 3, 900)).moved == 0


def test_flows_that_are_taken_out_of_hardware_and_not_seen_again() -> None:
    case = after(OPEN, look(0, hardware(0)), look(10, hardware(500)))
    rests = {key(1): (State.SLOW, 510)}
    case = after(evicted(case, 12), look(20, rests), look(30, rests))
    assert (case.reasons, case.settled) == ((), False)
    case = after(case, look(40, rests))
    assert (case.proof, codes(case), case.settled) == (Proof.PROVEN, [ReasonCode.HARDWARE_KEPT], True)
    assert after(case, look(50, {})).reasons == ()


def test_few_strays_are_in_order() -> None:
    assert after(OPEN, look(0, hardware(10)), look(10, hardware(2010), strays=30)).proof is Proof.PROVEN


def test_a_table_that_was_made_anew_counts_strays_from_zero() -> None:
    case = after(OPEN, look(0, hardware(10)), look(10, hardware(510), strays=20), look(20, hardware(900), strays=0))
    assert (case.proof, case.strays) == (Proof.PROVEN, 20)


def test_a_hundred_flows_that_stay_in_software_refute_it() -> None:
    before, later = software(5, range(FLOWS)), software(50, range(FLOWS))
    case = after(OPEN, look(0, before), look(10, later))
    assert (case.proof, codes(case)) == (Proof.REFUSED, [ReasonCode.HARDWARE_DRIVER])
    assert case.reasons[0].text.startswith("100 flows ") and "lan1, wan" in case.reasons[0].text


def test_a_minute_of_traffic_in_software_refutes_it() -> None:
    looks = [look(at, software(at)) for at in range(10, 81, 10)]
    assert after(OPEN, *looks[:-2]).proof is Proof.BOUND
    assert after(OPEN, *looks).proof is Proof.REFUSED


def test_a_flow_that_rests_in_software_refutes_nothing() -> None:
    assert after(OPEN, *(look(at, software(7)) for at in range(0, 200, 10))).proof is Proof.BOUND


def test_one_sample_refutes_nothing() -> None:
    assert after(OPEN, look(0, software(1000, range(1000)))).proof is Proof.BOUND


def test_a_family_that_no_driver_takes() -> None:
    looks = [look(at, hardware(at) | software(at, src=SIX)) for at in range(10, 81, 10)]
    case = after(OPEN, *looks)
    assert (case.proof, codes(case)) == (Proof.PROVEN, [ReasonCode.HARDWARE_FAMILY])
    assert "ipv6" in case.reasons[0].text


def test_a_full_table() -> None:
    many = range(2, 2 + FLOWS)
    case = after(OPEN, *(look(at, hardware(at) | software(at, many)) for at in (10, 20, 40)))
    assert (case.proof, codes(case)) == (Proof.PROVEN, [ReasonCode.HARDWARE_FULL])
    case = after(case, look(50, hardware(50)), look(60, hardware(70)))
    assert case.reasons == ()


def test_tags_are_the_likelier_cause_where_there_are_some() -> None:
    case = after(replace(OPEN, tagged=("wan.7",)), *(look(at, software(at)) for at in range(10, 81, 10)))
    assert codes(case) == [ReasonCode.HARDWARE_ENCAPSULATED]


def test_a_driver_that_changes_its_mind() -> None:
    case = after(OPEN, *(look(at, software(at)) for at in range(10, 81, 10)))
    case = after(case, look(90, hardware(80)), look(100, hardware(200)))
    assert (case.proof, case.since, case.reasons) == (Proof.PROVEN, "t100", ())


def test_counters_that_stand_still_while_the_device_receives() -> None:
    looks = [look(at, hardware(5), received=at * 1_000_000) for at in (10, 20, 30)]
    case = after(OPEN, *looks)
    assert (case.frozen, case.proof, codes(case)) == (True, Proof.PROVEN, [ReasonCode.HARDWARE_FROZEN])
    assert "though wan receive" in case.reasons[0].text
    assert not after(case, look(40, hardware(50), received=40_000_000)).frozen


@pytest.mark.parametrize(
    ("received", "counted"), [((0, 0, 0), (0, 0, 0)), ((0, 9_000_000, 18_000_000), (0, 8_000_000, 16_000_000))]
)
def test_what_is_counted_somewhere_freezes_nothing(received: tuple[int, ...], counted: tuple[int, ...]) -> None:
    looks = [
        look(at, hardware(5), received=octets, counted=theirs)
        for at, octets, theirs in zip((10, 20, 30), received, counted, strict=True)
    ]
    assert not after(OPEN, *looks).frozen


FLOW = st.tuples(st.sampled_from([State.SOFTWARE, State.HARDWARE]), st.integers(0, 10_000))
KEYS = st.integers(0, 200).flatmap(lambda number: st.sampled_from([key(number), key(number, SIX)]))
LOOKS = st.lists(st.tuples(st.dictionaries(KEYS, FLOW, max_size=20), st.integers(0, 1000)), max_size=12)


@given(LOOKS)
def test_whatever_is_seen(found: list[tuple[dict[Key, tuple[State, int]], int]]) -> None:
    """Nothing is proven without the mark or refuted without a reason; `since` changes with the verdict only."""
    looks = [look(at * 10.0, flows, strays) for at, (flows, strays) in enumerate(found)]
    cases = [OPEN]
    for each in looks:
        cases.append(updated(cases[-1], each))
    marked = any(each.marked for each in looks)
    for before, case in pairwise(cases):
        assert case.proof is not Proof.PROVEN or marked
        assert (case.proof is Proof.REFUSED) <= bool(case.reasons)
        assert case.since == before.since or case.proof is not before.proof or before.look is None
        assert all(len(flows) <= FLOWS for flows in case.stayed.values())
