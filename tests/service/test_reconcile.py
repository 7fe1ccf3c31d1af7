"""One pass: it sends nothing without a change; after a refusal or with a faulty file the tables stay as they are."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from offload.compiler.offload.tables.lost import Lost
from offload.compiler.offload.tables.table import expected
from offload.errors import KernelError, NftError
from offload.model.applied import Applied
from offload.model.flow import IPS_OFFLOAD, Entry, Tuple
from offload.model.kernel.live import LiveTable
from offload.model.network import Kernel, Lack, Link, Network, Route, Snapshot
from offload.model.problems.problem import Problem, ProblemCode
from offload.model.sections.section import Section
from offload.service.reconcile import MOST_ASKED, Decided, apply, asking, decide, pending, read, removal, unreadable
from offload.system.config.uci import FakeUci
from offload.system.fake_nft import FakeNft
from offload.system.netlink.ct.conntrack import FakeConntrack
from offload.system.netlink.route.links import FakeNetlink

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIREWALL = (
    Section("firewall", "zone", "cfg1", "@zone[0]", {"name": "lan", "network": "lan"}),
    Section("firewall", "zone", "cfg2", "@zone[1]", {"name": "wan", "network": "wan"}),
    Section("firewall", "forwarding", "cfg3", "@forwarding[0]", {"src": "lan", "dest": "wan"}),
)
OFFLOAD = (Section("offload", "globals", "globals", "globals", {"mode": "software"}),)
SNAPSHOT = Snapshot(
    links=(Link("br-lan", "bridge"), Link("eth1")),
    networks=(Network("lan", l3_device="br-lan"), Network("wan", l3_device="eth1")),
    kernel=Kernel("6.1.0", nft="1.0.6"),
)


@dataclass(slots=True)
class Refusing(FakeNft):
    """Takes so many transactions and refuses the next."""

    takes: int = 0
    taken: list[str] = field(default_factory=list)

    def apply(self, text: str) -> None:
        if len(self.taken) == self.takes:
            raise NftError("Device or resource busy")
        self.taken.append(text)


def decided(
    snapshot: Snapshot = SNAPSHOT,
    firewall: tuple[Section, ...] | Problem = FIREWALL,
    offload: tuple[Section, ...] | Problem = OFFLOAD,
) -> Decided:
    return decide(read(FakeUci({"firewall": firewall, "offload": offload})), snapshot)


def holding(found: Decided) -> FakeNft:
    return FakeNft(held={table.name: expected(table) for table in found.plan.tables})


def test_the_first_pass_sends_one_transaction() -> None:
    nft = FakeNft()
    applied = apply(decided(), nft, now=lambda: NOON)
    assert applied == Applied(1, "2026-01-01T12:00:00+00:00", 1, made=("flow_offload",))
    assert len(nft.sent) == 1


def test_the_second_pass_sends_nothing_and_reports_the_time_of_the_first() -> None:
    found = decided()
    nft = holding(found)
    assert apply(found, nft, Applied(7, "then", 1)) == Applied(7, "then", 0)
    assert nft.sent == []


def test_a_refusal_is_reported_and_counts_as_no_generation() -> None:
    assert apply(decided(), Refusing(), Applied(7, "then", 1)) == Applied(7, "then", 0, "Device or resource busy")


def test_transactions_before_a_refusal_count() -> None:
    nft = Refusing(held=holding(decided(THREE, GUEST_FORWARDS)).held, takes=1)
    answers = [False, True, True]
    applied = apply(decided(THREE, GUEST), nft, Applied(7, "then", 1), lambda: NOON, busy=lambda _: answers.pop(0))
    assert applied == Applied(8, "2026-01-01T12:00:00+00:00", 1, "Device or resource busy", owed=("flow_offload",))


def test_a_table_that_returns_is_named() -> None:
    found = decided()
    applied = apply(found, holding(found), forced=["flow_offload"])
    assert applied.returned == ("flow_offload",)


@pytest.mark.parametrize("fault", [ProblemCode.FILE_UNREADABLE, ProblemCode.FILE_SYNTAX])
@pytest.mark.parametrize("package", ["firewall", "offload"])
def test_a_file_with_a_fault_as_a_whole_changes_nothing(package: str, fault: ProblemCode) -> None:
    problem = fault.at(package, detail="odd")
    found = decided(**{package: problem})  # type: ignore[arg-type] # one of the two files
    nft = holding(decided())
    applied = apply(found, nft, Applied(7, "then"))
    assert (applied.generation, applied.time, applied.changes) == (7, "then", 0)
    assert applied.error == str(problem)
    assert nft.sent == []


def test_the_reported_file_is_the_broken_one_not_a_missing_one() -> None:
    problem = ProblemCode.FILE_SYNTAX.at("offload", detail="odd")
    found = decided(firewall=ProblemCode.FILE_MISSING.at("firewall"), offload=problem)
    assert unreadable(found) == str(problem)


def test_missing_files_are_no_reason_to_stop() -> None:
    found = decided(offload=ProblemCode.FILE_MISSING.at("offload"))
    assert (unreadable(found), found.problems) == ("", ())
    gone = decided(firewall=ProblemCode.FILE_MISSING.at("firewall"))
    assert unreadable(gone) == ""
    assert [problem.fault for problem in gone.problems] == [ProblemCode.FILE_MISSING]


def test_without_zones_what_was_ours_goes() -> None:
    (sent,) = pending(decided(firewall=ProblemCode.FILE_MISSING.at("firewall")), holding(decided()))
    assert sent.text == "table inet flow_offload\ndelete table inet flow_offload\n"


@pytest.mark.parametrize(
    "kernel",
    [
        Kernel("6.1.0", flowtable=False, missing=(Lack("nft is missing", "nftables-json"),)),
        Kernel(nft="1.0.6", flowtable=False),
    ],
)
def test_nothing_is_sent_to_a_kernel_that_lacks_a_feature(kernel: Kernel) -> None:
    found = decided(replace(SNAPSHOT, kernel=kernel))
    assert pending(found, FakeNft(refusal="never asked")) == []
    assert apply(found, FakeNft(refusal="never asked")) == Applied()


class Listless(FakeNft):
    """An nft that can do everything but list a table."""

    def live(self, names: Iterable[str], known: object = None) -> dict[str, LiveTable]:  # noqa: ARG002 - as the door
        raise NftError(f"nft -j list table inet {', '.join(names)} did not answer in JSON")


def test_what_is_ours_goes_also_where_nft_cannot_list_it() -> None:
    held = holding(decided()).held
    assert removal(Listless(held)) == "table inet flow_offload\ndelete table inet flow_offload\n"
    assert removal(Listless()) == ""


GUEST = (*FIREWALL, Section("firewall", "zone", "cfg4", "@zone[2]", {"name": "guest", "network": "guest"}))
GUEST_FORWARDS = (*GUEST, Section("firewall", "forwarding", "cfg5", "@forwarding[1]", {"src": "guest", "dest": "wan"}))
THREE = replace(
    SNAPSHOT,
    links=(*SNAPSHOT.links, Link("br-guest", "bridge")),
    networks=(*SNAPSHOT.networks, Network("guest", l3_device="br-guest")),
)


@pytest.mark.parametrize(
    ("answers", "returned"),
    [((False, False), ()), ((True,), ("flow_offload",)), ((False, True), ("flow_offload",))],
    ids=["no flow", "a flow", "a flow that came in between"],
)
def test_a_flow_that_is_offloaded_between_question_and_change_is_returned(
    answers: tuple[bool, ...], returned: tuple[str, ...]
) -> None:
    nft, left = holding(decided(THREE, GUEST_FORWARDS)), list(answers)
    applied = apply(decided(THREE, GUEST), nft, busy=lambda _: left.pop(0))
    assert (applied.returned, left) == (returned, [])
    assert applied.changes == len(nft.sent) == (2 if answers == (False, True) else 1)
    assert ("delete table" in nft.sent[-1]) == bool(returned)


def test_the_kernel_s_offloaded_connections_answer_and_a_refusal_is_a_yes() -> None:
    found, netlink = decided(THREE, GUEST), FakeNetlink()
    refusing = FakeConntrack(error=KernelError("no"))
    gone = Lost(frozenset({("br-guest", "eth1")}))
    assert asking(found, refusing, netlink)(gone)
    assert not asking(found, FakeConntrack(), netlink)(gone)


@pytest.mark.parametrize("families", [(), ("ipv4",)])
def test_with_policy_routing_a_flow_may_be_at_any_device(families: tuple[str, ...]) -> None:
    """By the main table it is between other devices than those of the pair that goes."""
    host, server = bytes([192, 168, 1, 5]), bytes([192, 168, 1, 6])
    ends = Tuple(host, server, 5000, 53), Tuple(server, host, 53, 5000)
    flows = (Entry(17, *ends, IPS_OFFLOAD, None, 0, None, None, None, None),)
    found = decided(THREE, GUEST)
    found = replace(found, snapshot=replace(found.snapshot, policy_routed=frozenset(families)))
    gone = Lost(frozenset({("br-guest", "eth1")}))
    near = FakeNetlink(ways=(Route(ip_network("192.168.1.0/24"), ("br-lan",)),))
    assert asking(found, FakeConntrack(flows), near)(gone) is bool(families)


EXEMPT = (*OFFLOAD, Section("offload", "exempt", "cfg6", "@exempt[0]", {"src_ip": ("192.168.1.5",)}))
HOST, SERVER = bytes([192, 168, 1, 5]), bytes([198, 51, 100, 9])
ENDS = Tuple(HOST, SERVER, 5000, 53), Tuple(SERVER, HOST, 53, 5000)
FLOW = Entry(17, *ENDS, IPS_OFFLOAD, None, 0, None, None, None, None)


@pytest.mark.parametrize(
    ("flows", "returned"),
    [
        ((), ()),
        ((FLOW._replace(status=0),), ()),
        ((FLOW._replace(original=FLOW.reply, reply=FLOW.original),), ()),
        ((FLOW,), ("flow_offload",)),
    ],
    ids=["no flow", "a slow one", "one that it opens not", "one of its own"],
)
def test_a_new_exempt_returns_its_table_only_for_a_flow_that_it_matches(
    flows: tuple[Entry, ...], returned: tuple[str, ...]
) -> None:
    nft, found = holding(decided()), decided(offload=EXEMPT)
    applied = apply(found, nft, busy=asking(found, FakeConntrack(flows), FakeNetlink()))
    assert applied.returned == returned
    assert len(nft.sent) == (2 if returned else 1)
    assert "delete table" not in nft.sent[0] and "192.168.1.5" in nft.sent[0]


def test_many_new_exempts_return_their_table_without_a_question() -> None:
    sections = (
        Section("offload", "exempt", f"cfg{number}", f"@exempt[{number}]", {"src_ip": (f"192.168.1.{number}",)})
        for number in range(MOST_ASKED + 1)
    )
    nft, found = holding(decided()), decided(offload=(*OFFLOAD, *sections))
    silent = FakeConntrack(error=KernelError("it is not asked"))
    assert apply(found, nft, busy=asking(found, silent, FakeNetlink())).returned == ("flow_offload",)
