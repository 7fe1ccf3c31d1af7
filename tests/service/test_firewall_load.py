"""What nft refuses is left out, and everything else is loaded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.compiler.firewall.ruleset import Compiled
from offload.errors import NftError, NftFault
from offload.model.sections.section import Section
from offload.service.firewall.load import PATIENCE, Loading
from offload.system.firewall_files import FakeFirewallFiles
from service.firewalls import RULES, PickyNft, inputs
from service.routers import FIREWALL, Clock, section

INCLUDE = section(
    "firewall", "include", "own", type="nftables", path="/etc/own.nft", position="chain-pre", chain="input"
)
SET = section("firewall", "ipset", "hosts", name="hosts", match=("dest_ip",), entry=("10.0.0.1",))


def loaded(nft: PickyNft, *sections: Section, files: FakeFirewallFiles | None = None, data: object = None) -> Compiled:
    there = files or FakeFirewallFiles()
    given = inputs(*FIREWALL, *sections, files=there, data=data)
    return Loading(given, nft, there.matching, Clock()).load(None).compiled


def dropped(text: str) -> list[int]:
    return [number for number in range(1, 9) if f"Rule {number}" in text]


def test_nothing_is_refused() -> None:
    nft = PickyNft()
    found = loaded(nft, *RULES)
    assert (len(nft.sent), nft.checks, found.problems) == (1, 1, ())  # no check before a load that succeeds


def test_the_lines_that_nft_names_cost_their_sections_alone() -> None:
    nft = PickyNft(bad=("Rule 3", "Rule 7"))
    found = loaded(nft, *RULES)
    assert dropped(nft.sent[-1]) == [1, 2, 4, 5, 6, 8]
    assert [str(each) for each in found.problems] == [
        "Section r3 (Rule 3) is left out: nft refuses it: syntax error, unexpected word",
        "Section r7 (Rule 7) is left out: nft refuses it: syntax error, unexpected word",
    ]


def test_a_check_finds_what_a_load_would_leave_out_and_sends_nothing() -> None:
    nft, there = PickyNft(bad=("Rule 3", "Rule 7")), FakeFirewallFiles()
    checked = Loading(inputs(*FIREWALL, *RULES), nft, there.matching, Clock()).checked()
    assert nft.sent == []
    assert checked.compiled.problems == loaded(PickyNft(bad=("Rule 3", "Rule 7")), *RULES).problems
    assert len(checked.compiled.problems) == 2


@given(st.sets(st.integers(1, 8)), st.sampled_from([NftFault.REFUSED, NftFault.KERNEL_REFUSED, NftFault.NOT_SUPPORTED]))
def test_without_lines_halves_are_tried(bad: set[int], fault: NftFault) -> None:
    nft = PickyNft(bad=tuple(f"Rule {number}" for number in bad), mute=True, fault=fault)
    assert len(loaded(nft, *RULES).problems) == len(bad)
    assert dropped(nft.sent[-1]) == sorted(set(range(1, 9)) - bad)


def test_a_zone_is_never_left_out_and_what_the_kernel_has_stays() -> None:
    nft = PickyNft(bad=("chain input_lan",))
    with pytest.raises(NftError, match="unexpected word"):
        loaded(nft, *RULES)
    assert nft.sent == []


def test_the_search_ends_in_time() -> None:
    clock = Clock()

    class Slow(PickyNft):
        def check(self, text: str) -> None:
            clock.now += 1
            PickyNft.check(self, text)

    nft = Slow(bad=tuple(f"Rule {number}" for number in range(1, 9)), mute=True)
    with pytest.raises(NftError):
        Loading(inputs(*FIREWALL, *RULES), nft, FakeFirewallFiles().matching, clock).load(None)
    assert clock.now - Clock.now <= PATIENCE + 5


@pytest.mark.parametrize("fault", [NftFault.NO_PROGRAM, NftFault.SILENT, NftFault.NOT_PERMITTED])
def test_an_nft_that_fails_is_no_fault_of_a_section(fault: NftFault) -> None:
    nft = PickyNft(bad=("Rule 1",), fault=fault)
    with pytest.raises(NftError):
        loaded(nft, *RULES)
    assert nft.checks == 1


def test_a_broken_file_costs_itself() -> None:
    files = FakeFirewallFiles()
    files.texts = {"/etc/own.nft": "bogus"}
    nft = PickyNft(bad=('include "/etc/own.nft"',), path="/etc/own.nft")
    (problem,) = loaded(nft, INCLUDE, *RULES, files=files).problems
    assert str(problem) == "File /etc/own.nft is left out: nft refuses it: syntax error, unexpected word"
    assert "/etc/own.nft" not in nft.sent[-1] and dropped(nft.sent[-1]) == list(range(1, 9))


def test_a_broken_file_of_a_pattern_leaves_the_others() -> None:
    files = FakeFirewallFiles()
    files.texts = {"/etc/nftables.d/a.nft": "", "/etc/nftables.d/b.nft": "bogus"}
    nft = PickyNft(bad=('include "/etc/nftables.d/*.nft"',), path="/etc/nftables.d/b.nft")
    assert len(loaded(nft, *RULES, files=files).problems) == 1
    assert 'include "/etc/nftables.d/a.nft"' in nft.sent[-1]


@pytest.mark.parametrize("name", ['a"b.nft', "a\nflush ruleset\n.nft", "B\udcfcro.nft", "[a].nft"])
def test_a_broken_file_with_any_name_costs_itself(name: str) -> None:
    bad, good, files = f"/usr/share/nftables.d/table-pre/{name}", "/etc/nftables.d/good.nft", FakeFirewallFiles()
    files.texts, files.packages = {bad: "1", good: ""}, (("table-pre", "", bad),)
    nft = PickyNft(bad=(f'include "{bad[:33]}',))  # as where nft finds no file by that name
    (problem,) = loaded(nft, files=files).problems
    assert "is left out: nft refuses it" in str(problem) and str(problem).isprintable()
    assert bad[:33] not in nft.sent[-1] and 'include "/etc/nftables.d/*.nft"' in nft.sent[-1]


def test_a_set_and_a_rule_of_a_service_are_found_by_their_names() -> None:
    nft = PickyNft(bad=("10.0.0.1",))
    assert [each.origin.id for each in loaded(nft, SET, *RULES).problems] == ["hosts"]
    data = {"vpn": {"firewall": [{"type": "rule", "src": "lan", "proto": "udp", "dest_port": "9", "target": "ACCEPT"}]}}
    nft = PickyNft(bad=("ubus:vpn rule 0",))
    assert [each.origin.name for each in loaded(nft, *RULES, data=data).problems] == ["ubus:vpn rule 0"]


def test_a_table_that_holds_other_objects_is_made_anew() -> None:
    """A set of another type that an earlier program made cannot be declared again."""
    nft = PickyNft(fault=NftFault.KERNEL_REFUSED)

    class Holding(PickyNft):
        def check(self, text: str) -> None:
            if "delete table inet fw4" not in text:
                raise NftError("Could not process rule: File exists", NftFault.KERNEL_REFUSED, (("/dev/stdin", 4),))

    nft = Holding()
    assert loaded(nft, *RULES).problems == ()
    assert nft.sent[-1].startswith("table inet fw4\ndelete table inet fw4\n")
