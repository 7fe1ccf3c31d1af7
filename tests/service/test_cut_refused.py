"""`option cut_refused` on a router of fakes: when connections are judged, and by what."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from offload.errors import KernelError, OffloadError
from offload.model.flow import IPS_ASSURED, IPS_EXPECTED, IPS_OFFLOAD, IPS_SRC_NAT, Entry, Tuple
from offload.model.network import Neighbour, Route
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Section
from offload.service.refusing import cut_refused
from offload.service.refusing.judged import Judged
from offload.system.firewall_files import FakeFirewallFiles
from service.routers import FIREWALL, OFFLOAD, Fakes, router, section

NOON = 1_767_268_800.0
ON = section("offload", "globals", "globals", cut_refused="1")
DROP = section("firewall", "rule", "r", name="New", src="lan", dest="wan", dest_port="443", target="DROP")
HOURS = {"start_time": "13:00", "stop_time": "14:00", "utc_time": "1"}
LAPTOP = "192.168.1.5"


def packed(address: str) -> bytes:
    return ip_address(address).packed


def entry(port: int, proto: int = 6, status: int = IPS_ASSURED | IPS_SRC_NAT, host: str = LAPTOP) -> Entry:
    there, here = packed("198.51.100.9"), packed("203.0.113.7")
    ways = Tuple(packed(host), there, 40_000, port), Tuple(there, here, port, 40_000)
    return Entry(proto, *ways, status, 100, 0, (1, 1), (1, 1), None, None)


WEB, MAIL = entry(443), entry(25)


@pytest.fixture(name="there")
def _there() -> Fakes:
    made = router()
    made.service.doors = replace(made.service.doors, files=FakeFirewallFiles())
    made.bus.replies["service get_data"] = {}
    made.uci.packages["offload"] = (*OFFLOAD, ON)
    made.conntrack.held = [WEB, MAIL]
    load(made, 1)
    return made


def load(made: Fakes, number: int, table: int = 1) -> None:
    """Have fw4 load its rules: every rule gets a new handle, or the table has a new one."""
    made.nft.rules["fw4"] = frozenset({("forward", number, table), ("input", number + 1, table)})


def write(made: Fakes, *sections: Section) -> None:
    made.uci.packages["firewall"] = (*FIREWALL, *sections)


def judged(made: Fakes, wall: float = NOON) -> str:
    """Make a pass and run the task behind it; the line that it logs."""
    made.service.work()
    due = cut_refused.due(made.service)
    assert due is not None and due <= made.clock()
    return cut_refused.run(made.service, wall)


def test_a_rule_ends_connections_once_the_firewall_has_loaded_it(there: Fakes) -> None:
    assert judged(there) == ""
    write(there, DROP)
    assert judged(there) == "" and there.conntrack.deleted == [], "fw4 would accept them anew"
    load(there, 10)
    logged = judged(there)
    assert there.conntrack.deleted == [WEB]
    assert logged == "connections ended that /etc/config/firewall refuses now: 1 (New)"
    there.conntrack.held.append(WEB)  # something else accepts it
    load(there, 20)
    assert judged(there) == ""


@pytest.mark.parametrize("status", [IPS_OFFLOAD, 0], ids=["offloaded", "slow"])
def test_the_table_of_an_ended_flow_is_returned(there: Fakes, status: int) -> None:
    """The kernel would forward the packets of an ended connection for up to a second more."""
    there.conntrack.held = [WEB._replace(status=WEB.status | status), MAIL]
    judged(there)
    write(there, DROP)
    load(there, 10)
    there.service.work()
    before = there.nft.transactions
    assert cut_refused.run(there.service, NOON)
    assert there.nft.transactions - before == bool(status)
    assert there.service.applied.returned == (("flow_offload",) if status else ())


def test_a_table_that_cannot_be_returned_at_once_is_returned_later(there: Fakes) -> None:
    there.conntrack.held = [WEB._replace(status=WEB.status | IPS_OFFLOAD)]
    judged(there)
    write(there, DROP)
    load(there, 10)
    there.service.work()
    there.nft.refusal = "no"
    assert cut_refused.run(there.service, NOON)
    assert there.service.rule_returns.due(there.clock()) is not None


def test_the_first_judgement_ends_nothing(there: Fakes) -> None:
    write(there, DROP)
    assert judged(there) == ""
    load(there, 10)
    assert judged(there) == "" and there.conntrack.deleted == []


def test_while_the_option_is_off_nothing_is_remembered(there: Fakes) -> None:
    judged(there)
    there.uci.packages["offload"] = OFFLOAD
    there.service.work()
    assert cut_refused.due(there.service) is None and there.service.judged == Judged()
    write(there, DROP)
    load(there, 10)
    there.service.work()
    there.uci.packages["offload"] = (*OFFLOAD, ON)
    assert judged(there) == "" and there.conntrack.deleted == []


def test_times_are_met_in_time(there: Fakes) -> None:
    write(there, replace(DROP, options={**DROP.options, **HOURS}))
    judged(there)
    assert cut_refused.due(there.service) == pytest.approx(there.clock() + 3600, abs=1)
    there.clock.now += 3600.1
    assert cut_refused.run(there.service, NOON + 3600.1) and there.conntrack.deleted == [WEB]
    assert cut_refused.due(there.service) == pytest.approx(there.clock() + 3600 + 1, abs=1)
    there.clock.now += 3601
    assert cut_refused.run(there.service, NOON + 7201.1) == ""


def test_a_clock_that_was_set_back_is_in_a_time_at_once_and_meets_its_next_one(there: Fakes) -> None:
    """Until the old time it would have looked for no begin and no end."""
    write(there, replace(DROP, options={**DROP.options, **HOURS}))
    assert judged(there, NOON + 86_400 * 5) == ""
    assert judged(there, NOON + 3600 + 60) and there.conntrack.deleted == [WEB]  # the time has begun by this clock
    assert judged(there, NOON) == ""  # and has not by this one
    assert cut_refused.due(there.service) == pytest.approx(there.clock() + 3600, abs=1)
    there.conntrack.held.append(WEB)
    there.clock.now += 3600.1
    assert cut_refused.run(there.service, NOON + 3600.1)


@pytest.mark.parametrize(
    "other", [entry(443, status=IPS_EXPECTED), entry(443, proto=47), entry(443, host="192.0.2.1"), entry(80)]
)
def test_what_is_not_sure_is_not_ended(there: Fakes, other: Entry) -> None:
    there.conntrack.held = [other]
    judged(there)
    write(there, DROP)
    load(there, 10)
    assert judged(there) == "" and there.conntrack.deleted == []


def test_a_mac_address_is_that_of_the_neighbour(there: Fakes) -> None:
    other = entry(443, host="192.168.1.6")
    there.conntrack.held = [WEB, other]
    macs = {LAPTOP: "00:11:22:33:44:55", "192.168.1.6": "00:11:22:33:44:56"}
    neighbours = tuple(Neighbour(address, "br-lan", mac) for address, mac in macs.items())
    there.netlink.found = replace(there.netlink.found, neighbours=neighbours)
    judged(there)
    write(there, replace(DROP, options={**DROP.options, "src_mac": macs[LAPTOP]}))
    load(there, 10)
    judged(there)
    assert there.conntrack.deleted == [WEB]


def test_a_kernel_that_refuses_is_asked_again(there: Fakes) -> None:
    judged(there)
    write(there, DROP)
    load(there, 10)
    there.conntrack.error = KernelError("no")
    with pytest.raises(OffloadError, match="no"):
        judged(there)
    assert cut_refused.due(there.service) == there.clock() + cut_refused.AGAIN
    there.conntrack.error = None
    assert cut_refused.run(there.service, NOON) and there.conntrack.deleted == [WEB]


def test_after_each_pass_a_kernel_that_refuses_is_asked_as_often(there: Fakes) -> None:
    judged(there)
    write(there, DROP)
    load(there, 10)
    there.conntrack.error = KernelError("no")
    for _ in range(2):
        with pytest.raises(OffloadError, match="no"):
            judged(there)
        for _ in range(cut_refused.TRIES - 1):
            assert cut_refused.due(there.service) == there.clock() + cut_refused.AGAIN
            with pytest.raises(OffloadError, match="no"):
                cut_refused.run(there.service, NOON)
        assert cut_refused.due(there.service) is None


def test_without_a_firewall_nothing_is_judged(there: Fakes) -> None:
    judged(there)
    write(there, DROP)
    there.nft.rules["fw4"] = frozenset()
    assert judged(there) == ""


def test_a_firewall_that_was_stopped_is_loaded_when_it_has_rules_again(there: Fakes) -> None:
    """Its table is a new one then, in which the kernel gives the same numbers again."""
    judged(there)
    there.nft.rules["fw4"] = frozenset()
    judged(there)
    write(there, DROP)
    load(there, 1, table=2)
    assert judged(there) and there.conntrack.deleted == [WEB]


def test_a_firewall_that_restarts_between_two_passes_is_loaded(there: Fakes) -> None:
    judged(there)
    write(there, DROP)
    load(there, 1, table=2)
    assert judged(there) and there.conntrack.deleted == [WEB]


def test_while_offload_is_off_nothing_is_remembered(there: Fakes) -> None:
    judged(there)
    there.uci.packages["offload"] = (*OFFLOAD, replace(ON, options={**ON.options, "enabled": "0"}))
    there.service.work()
    write(there, DROP)
    load(there, 10)
    there.service.work()
    there.uci.packages["offload"] = (*OFFLOAD, ON)
    assert judged(there) == "" and there.conntrack.deleted == []


@pytest.mark.parametrize(
    ("second", "policy", "ended"),
    [("wan", (), True), ("wanb", (), False), ("wan", ("ipv6",), False), ("wan", ("ipv4",), True)],
)
def test_of_several_ways_out_none_is_sure_without_translation(
    there: Fakes, second: str, policy: tuple[str, ...], ended: bool
) -> None:
    """IPv6 has a default route for each provider's prefix: which one a connection takes is not to be seen.

    Nor is it with policy routing.
    """
    there.netlink.found = replace(there.netlink.found, policy_routed=frozenset(policy))
    near, far = packed("2001:db8::5"), packed("2001:db8:9::1")
    plain = Entry(
        6, Tuple(near, far, 40_000, 443), Tuple(far, near, 443, 40_000), IPS_ASSURED, 9, 0, (1, 1), (1, 1), None, None
    )
    there.conntrack.held = [plain]
    defaults = (Route(ip_network("::/0"), ("wan",), 512), Route(ip_network("::/0"), (second,), 1024))
    there.netlink.ways = (Route(ip_network("2001:db8::/64"), ("br-lan",)), *defaults)
    judged(there)
    write(there, DROP)
    load(there, 10)
    judged(there)
    assert (there.conntrack.deleted == [plain]) is ended


@pytest.mark.parametrize("broken", [False, True])
def test_times_are_met_while_a_changed_file_is_not_loaded(there: Fakes, broken: bool) -> None:
    timed = replace(DROP, options={**DROP.options, **HOURS})
    write(there, timed)
    judged(there)
    write(there, timed, replace(DROP, id="s", name="Later", options={**DROP.options, "dest_port": "25"}))
    if broken:
        there.uci.packages["firewall"] = Problem(ProblemCode.FILE_UNREADABLE, "firewall", "", "", "broken")
    assert judged(there) == ""
    there.clock.now += 3600.1
    assert cut_refused.due(there.service) is not None
    assert cut_refused.run(there.service, NOON + 3600.1) and there.conntrack.deleted == [WEB]
    if not broken:
        load(there, 10)
        assert judged(there, NOON + 3601) and there.conntrack.deleted == [WEB, MAIL]


def test_the_content_of_a_set_is_no_other_configuration(there: Fakes) -> None:
    files = FakeFirewallFiles()
    there.service.doors = replace(there.service.doors, files=files)
    blocked = section("firewall", "ipset", "b", name="b", match="src_ip", loadfile="/etc/blocked")
    files.texts["/etc/blocked"] = "192.0.2.1\n"
    write(there, blocked, replace(DROP, options={**DROP.options, **HOURS}))
    judged(there)
    files.texts["/etc/blocked"] = "192.0.2.2\n"
    assert judged(there) == ""
    assert cut_refused.due(there.service) == pytest.approx(there.clock() + 3600, abs=1)
