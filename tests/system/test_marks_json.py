"""What compares packet marks, as snapshot.json holds it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.model.kernel.live_rule import MarkReader
from offload.model.network import Filter, Qdisc, RoutingRule, Snapshot
from offload.system.directory.marks_json import ALL, MARK_KEYS, marks, marks_json
from strategies import gate

text, number = st.text(max_size=8), st.integers(0, ALL)
snapshots = st.builds(
    Snapshot,
    rules=st.lists(
        st.builds(RoutingRule, st.sampled_from(["ipv4", "ipv6"]), number, number, number, st.booleans())
        # the kernel takes no value with bits beside its mask
        .filter(lambda rule: not rule.fwmark & ~rule.fwmask)
    ).map(tuple),
    qdiscs=st.lists(st.builds(Qdisc, text, text, number)).map(tuple),
    filters=st.lists(st.builds(Filter, text, text, st.none() | number, number, st.booleans(), st.booleans())).map(
        tuple
    ),
    mark_readers=st.lists(st.builds(MarkReader, text, text, text, st.none() | number, number)).map(tuple),
)


@gate
@given(snapshots)
def test_what_is_written_is_read(snapshot: Snapshot) -> None:
    assert Snapshot(**marks(marks_json(snapshot))) == snapshot


def test_the_file_of_a_router() -> None:
    found = {
        "rules": [{"family": "ipv4", "fwmark": 256, "fwmask": 65280, "table": 100}],
        "qdiscs": [{"device": "wan", "kind": "cake"}],
        "filters": [{"device": "wan", "kind": "fw", "fwmark": 1, "fwmask": 255}],
    }
    assert marks(found) == {
        "rules": (RoutingRule("ipv4", 0x100, 0xFF00, 100),),
        "qdiscs": (Qdisc("wan", "cake"),),
        "filters": (Filter("wan", "fw", 1, 255),),
        "mark_readers": (),
    }


def test_what_people_write_by_hand() -> None:
    found = {"rules": [{"fwmark": "0x1"}, {"family": "ipv6", "fwmark": "0x100", "fwmask": "0xff00", "table": "vpn"}]}
    assert marks(found)["rules"] == (RoutingRule("ipv4", 1, ALL), RoutingRule("ipv6", 0x100, 0xFF00))


@pytest.mark.parametrize(("kind", "mask"), [("fw", ALL), ("bpf", ALL), ("flower", 0), ("matchall", 0)])
def test_a_filter_without_numbers_is_what_its_kind_can_be(kind: str, mask: int) -> None:
    assert marks({"filters": [{"device": "wan", "kind": kind}]})["filters"] == (Filter("wan", kind, None, mask),)


@pytest.mark.parametrize(
    ("found", "key"),
    [
        ({"rules": {}}, "rules"),
        ({"rules": [1]}, "rules"),
        ({"rules": [{"family": "ipx"}]}, "ipx"),
        ({"rules": [{"fwmark": -1}]}, "fwmark"),
        ({"rules": [{"fwmask": True}]}, "fwmask"),
        ({"qdiscs": [{"kind": 1}]}, "kind"),
        ({"filters": [{"fwmask": 2**32}]}, "fwmask"),
        ({"filters": [{"fwmark": "one"}]}, "'fwmark' is not a number from 0"),
        ({"rules": [{"fwmask": "0x"}]}, "'fwmask' is not a number from 0"),
    ],
)
def test_what_is_wrong_is_named(found: Any, key: str) -> None:
    with pytest.raises((TypeError, ValueError), match=key):
        marks(found)


json = st.recursive(
    st.none() | st.booleans() | number | text, lambda kids: st.lists(kids) | st.dictionaries(text, kids), max_leaves=8
)
entries = st.lists(st.dictionaries(st.sampled_from(["family", "fwmark", "fwmask", "table", "device", "kind"]), json))


@pytest.mark.slow
@gate
@given(st.dictionaries(st.sampled_from(MARK_KEYS), entries | json))
def test_anything_else_is_refused_with_a_sentence(found: dict[str, Any]) -> None:
    try:
        marks(found)
    except (TypeError, ValueError) as refusal:
        assert str(refusal)  # noqa: PT017 - either outcome is right, an empty sentence is not
