"""Which connections are flows, and what each pair has on each path."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.flow import IPS_HW_OFFLOAD, IPS_OFFLOAD, Entry, State, Tuple
from offload.status.flows import flows
from offload.status.shares import no_share, shares
from offload.system.netlink.ct.ctnetlink import Parser
from status.routers import HOME, entry, pair, plan

LAN_WAN = "192.168.1.50#5000 > 198.51.100.9#443"
GUEST_WAN = "192.168.2.50#5000 > 198.51.100.9#443"
RECORDED = Path(__file__).parents[1] / "system" / "recorded" / "offload-acct.bin"


def test_only_forwarded_connections_are_flows() -> None:
    forwarded = [entry(LAN_WAN), entry("192.168.1.50 > 198.51.100.9", proto=1)]
    own = [
        entry("192.168.1.50 > 192.168.1.1#53"),
        entry("203.0.113.7 > 192.0.2.1"),
        entry("192.168.1.50 > 224.0.0.251"),
    ]
    assert [flow.entry for flow in flows(own + forwarded, HOME, plan())] == forwarded
    assert [flow.entry for flow in flows(own + forwarded, HOME, plan(), everything=True)] == own + forwarded


def test_shares_count_flows_and_bytes_of_both_directions() -> None:
    found = shares(
        [
            entry(LAN_WAN, octets=(1000, 500)),
            entry(LAN_WAN, octets=None),
            entry(LAN_WAN, octets=(7, 1), status=IPS_OFFLOAD),
            entry(LAN_WAN, octets=(8, 2), status=IPS_OFFLOAD | IPS_HW_OFFLOAD),
            entry(LAN_WAN, octets=(9, 0), status=IPS_HW_OFFLOAD),
            entry(GUEST_WAN, octets=(3, 0)),
            entry("192.168.1.50 > 192.168.1.1#53"),
            entry("192.168.1.50 > 224.0.0.251"),
        ],
        HOME,
        plan(),
    )
    assert found.keys() == {("lan", "wan"), ("guest", "wan")}
    assert found["lan", "wan"].flows == {State.SLOW: 2, State.SOFTWARE: 1, State.HARDWARE: 2}
    assert found["lan", "wan"].bytes == {State.SLOW: 1500, State.SOFTWARE: 8, State.HARDWARE: 19}
    assert found["guest", "wan"].flows == no_share().flows | {State.SLOW: 1}


def test_recorded_router() -> None:
    """The dump of system/recorded was made on a router with the addresses of HOME."""
    entries = Parser().parse(RECORDED.read_bytes()).entries
    found = shares(entries, HOME, plan(pair("lan", "wan"), pair("wan", "lan")))
    assert found["lan", "wan"].flows == {State.SLOW: 10, State.SOFTWARE: 4, State.HARDWARE: 0}
    assert found["wan", "lan"].flows == {State.SLOW: 0, State.SOFTWARE: 1, State.HARDWARE: 0}
    assert len(flows(entries, HOME, plan())) == 15


numbers = st.integers(0, 2**32 - 1)
addresses = st.binary(min_size=4, max_size=4)
tuples = st.builds(Tuple, addresses, addresses, st.integers(0, 65535), st.integers(0, 65535))
counters = st.none() | st.tuples(numbers, numbers)
any_entry = st.builds(
    Entry,
    st.integers(0, 255), tuples, tuples, numbers, st.none() | numbers, numbers, counters, counters,
    st.none() | st.integers(0, 255), st.none() | st.text(max_size=9),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(any_entry, max_size=20))
def test_shares_agree_with_flows(entries: list[Entry]) -> None:
    decided = plan(pair("lan", "wan", after=3), pair("wan", "wan"))
    listed = [flow for flow in flows(entries, HOME, decided) if flow.src_zone and flow.dest_zone]
    counted = shares(entries, HOME, decided)
    assert sum(sum(share.flows.values()) for share in counted.values()) == len(listed)
    assert all(len(flow.reasons) == 1 for flow in listed if flow.state is State.SLOW)
