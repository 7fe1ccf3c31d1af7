"""A timed exempt can be read back from its elements in the kernel."""

from ipaddress import ip_network

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exempts import exempt_of
from offload.compiler.offload.exempts.exempt_sets import exempt_rules
from offload.compiler.offload.exempts.timed_exempts import LONGEST_COMMENT, comment, held_timed_exempts
from offload.model.kernel.live import LiveTable, TimedElement
from offload.model.plan import ExemptMatch, TimedExempt
from offload.model.sections.exempts import Exempt

ADDRESSES = ["10.0.0.1/32", "10.1.0.0/16", "192.168.1.50/32", "2001:db8::1/128", "fd00::/8"]
NETS = st.sampled_from(ADDRESSES).map(ip_network) | st.sampled_from(["!10.1.2.0/24", "!fd00::1"])
MACS = st.sampled_from(["02:00:00:00:00:01", "02:00:00:00:00:ff", "!02:00:00:00:00:ff"])
PORTS = st.sampled_from([(53, 53), (80, 90), (1000, 65535), "!53"])


def lists(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=2, unique=True).map(tuple)


EXEMPTS = st.builds(
    exempt_of,
    name=st.just(""),
    section=st.just(""),
    src=st.sampled_from(["*", "lan", "my-zone.2"]),
    dest=st.sampled_from(["*", "wan"]),
    src_ip=lists(NETS),
    dest_ip=lists(NETS),
    src_mac=lists(MACS),
    proto=st.sampled_from([("tcp",), ("tcp", "udp")]),
    src_port=lists(PORTS),
    dest_port=lists(PORTS),
    mark=st.none() | st.sampled_from([(1, 0xFFFFFFFF), (0x10, 0xF0), "!0x10/0xf0"]),
    dscp=st.none() | st.integers(0, 63) | st.just("!46"),
)


def kernel(timed_exempt: TimedExempt) -> LiveTable:
    """The timed exempt's elements as `nft -j` would list them."""
    sets = exempt_rules([ExemptMatch(timed_exempt.exempt, timed_exempt=timed_exempt)]).sets
    return LiveTable(
        "flow_offload",
        timed=tuple(
            TimedElement(each.name, key, comment(timed_exempt), timed_exempt.timeout, timed_exempt.expires)
            for each in sets
            for key in each.keys
        ),
    )


def test_one_of_gre_is_found_again() -> None:
    timed_exempt = TimedExempt(
        7, exempt_of("run-time 7", "", src_ip=(ip_network("10.0.0.0/8"),), proto=("gre",)), 3600, 1800
    )
    assert held_timed_exempts([kernel(timed_exempt)]) == (timed_exempt,)


@settings(deadline=None)
@given(EXEMPTS, st.integers(1, 999_999_999))
def test_a_lease_is_found_again_where_it_works(exempt: Exempt, number: int) -> None:
    timed_exempt = TimedExempt(number, exempt, 3600, 1800)
    made = exempt_rules([ExemptMatch(exempt, timed_exempt=timed_exempt)])
    found = held_timed_exempts([kernel(timed_exempt)])
    assume(len(comment(timed_exempt)) <= LONGEST_COMMENT)
    if not made.sets:
        assert found == ()
        return
    (again,) = found
    assert (again.id, again.timeout, again.expires) == (number, 3600, 1800)
    # the names of sets, the rules and the elements are what counts: another order of values is the same exempt
    assert exempt_rules([ExemptMatch(again.exempt, timed_exempt=again)]) == exempt_rules(
        [ExemptMatch(exempt, timed_exempt=again)]
    )


def test_what_is_not_of_our_making_is_passed_over() -> None:
    good = "exempt_ip4_saddr_abc123_t"
    timed = [
        TimedElement("their_set", "10.0.0.1", "1 * * -1 0x0/0x0", 60, 30),
        TimedElement(good, "10.0.0.1", "hello", 60, 30),
        TimedElement(good, "10.0.0.1", "", 60, 30),
        TimedElement(good, "nonsense", "1 * * -1 0x0/0x0", 60, 30),
        TimedElement(good, "10.0.0.1 . 80", "1 * * -1 0x0/0x0", 60, 30),
        TimedElement("exempt_ip4_tcp_dport_abc123_t", "http", "1 * * -1 0x0/0x0", 60, 30),
        TimedElement("exempt_ip4_dport_abc123_t", "80", "1 * * -1 0x0/0x0", 60, 30),
        TimedElement("exempt_mac_abc123_t", "zz", "1 * * -1 0x0/0x0", 60, 30),
        TimedElement("exempt_ip_mac_abc123_t", "zz", "1 * * -1 0x0/0x0", 60, 30),
        TimedElement(good, "10.0.0.1", "1 * * -1 0x0/0x0 src_mac!zz", 60, 30),
        TimedElement(good, "10.0.0.1", "1 * * -1 0x0/0x0 moon!1", 60, 30),
        TimedElement(good, "10.0.0.1", "1 * * -1 0x0/0x0 dest_port!1!2", 60, 30),
    ]
    assert held_timed_exempts([LiveTable("flow_offload", timed=tuple(timed))]) == ()


def test_of_two_on_the_same_traffic_the_longer_one_is_in_the_kernel() -> None:
    exempt = exempt_of("", "", src_ip=(ip_network("10.0.0.1/32"),))
    short, long = TimedExempt(1, exempt, 60, 10), TimedExempt(2, exempt, 60, 50)
    (found,) = exempt_rules([ExemptMatch(exempt, timed_exempt=long), ExemptMatch(exempt, timed_exempt=short)]).sets
    assert found.written == ('10.0.0.1 timeout 60s expires 50s comment "2 * * -1 0x0/0x0"',)
    assert found.flags == ("timeout",)


def test_those_of_the_configuration_are_in_sets_of_their_own() -> None:
    exempt = exempt_of("", "", src_ip=(ip_network("10.0.0.0/8"),))
    permanent, timed = exempt_rules(
        [ExemptMatch(exempt), ExemptMatch(exempt, timed_exempt=TimedExempt(1, exempt, 60, 60))]
    ).sets
    assert permanent.flags == ("interval",) and timed.flags == ("interval", "timeout")
    assert timed.name == permanent.name.removesuffix("_r1") + "_t_r1"
