"""How much of a pair's traffic exempts and rules that mark keep slow (all, one family, a part), and the Reason."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exempts import conditions, exempt_of
from offload.compiler.devices import resolve
from offload.compiler.offload.exempts.coverage import reasons_for_all, reasons_for_part
from offload.compiler.offload.plan import plan
from offload.model.config import Config, Family, Globals, MarkRule, Mode, Permission, Zone
from offload.model.network import Link, Snapshot
from offload.model.plan import PairDecision
from offload.model.problems.reason import ReasonCode
from strategies import gate

ALL4, ALL6 = (ip_network("0.0.0.0/0"),), (ip_network("::/0"),)
NET = (ip_network("192.168.1.0/24"),)
ONE = ", and offloaded packets would bypass that: "
FILE = "of /etc/config/firewall"


def rule(name: str = "r", src: str = "lan", dest: str = "wan", **match: Any) -> MarkRule:
    section = f"@rule[{name}]"
    return MarkRule(name, section, (exempt_of(name, section, src, dest, **match),))


def lan_wan(**words: Any) -> PairDecision:
    zones = tuple(Zone(name, name, devices=(name,)) for name in ("lan", "wan"))
    permissions = (Permission("lan", "wan", "f"),)
    config = Config(zones=zones, permissions=permissions, globals=Globals(mode=Mode.SOFTWARE), **words)
    snapshot = Snapshot(links=(Link("lan"), Link("wan")))
    return plan(config, resolve(config, snapshot), snapshot).pairs[0]


PARTS: dict[str, tuple[MarkRule, str]] = {
    "one family": (rule(src_ip=ALL4), "all IPv4 from lan to wan"),
    "one family of a zone": (rule(dest="*", src_ip=ALL4), "all IPv4 of lan"),
    "one family to a zone": (rule(src="*", dest_ip=ALL6), "all IPv6 to wan"),
    "one family of everything": (rule(src="*", dest="*", src_ip=ALL4), "all IPv4"),
    "one protocol": (rule(dest="*", proto=("tcp",)), "all TCP of lan"),
    "one protocol of one family": (rule(dest="*", proto=("udp",), dest_ip=ALL4), "all IPv4 UDP of lan"),
    "both protocols of one family": (rule(dest="*", proto=("tcp", "udp"), dest_ip=ALL4), "all IPv4 of lan"),
    "addresses": (rule(src_ip=NET), "some of it"),
    "addresses beside all": (rule(src_ip=(*NET, *ALL6)), "all IPv6 from lan to wan"),
    "all addresses but one": (rule(src_ip=(*ALL4, "!10.0.0.1")), "some of it"),
    "all but an address": (rule(src_ip=("!10.0.0.1",)), "some of it"),
    "all ports but one": (rule(proto=("udp",), dest_port=("!53",)), "some of it"),
    "ports": (rule(proto=("udp",), dest_port=((53, 53),)), "some of it"),
    "GRE": (rule(proto=("gre",)), "some of it"),
    "GRE and a protocol": (rule(proto=("gre", "tcp"), dest="*"), "all TCP of lan"),
    "a DSCP class": (rule(dscp=46), "some of it"),
    "a mark": (rule(mark=(1, 255)), "some of it"),
    "a MAC": (rule(src_mac=("00:11:22:33:44:55",)), "some of it"),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_has_words(name: str) -> None:
    mark_rule, words = PARTS[name]
    pair = lan_wan(mark_rules=(mark_rule,))
    assert pair.effective is Mode.SOFTWARE
    assert [reason.text for reason in pair.reasons] == [
        f"rule 'r' {FILE} marks packets one by one{ONE}{words} stays slow"
    ]


WHOLE: dict[str, dict[str, Any]] = {
    "one rule": {"mark_rules": (rule(),)},
    "a mask of nothing": {"mark_rules": (rule(mark=(0, 0)),)},
    "a family each": {"mark_rules": (rule("a", src_ip=ALL4), rule("b", dest_ip=ALL6))},
    "a protocol each": {"mark_rules": (rule("a", proto=("tcp",)), rule("b", proto=("udp",)))},
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_pair_that_rules_mark_wholly_is_slow(name: str) -> None:
    pair = lan_wan(**WHOLE[name])
    assert (pair.effective, [reason.code for reason in pair.reasons]) == (Mode.NONE, [ReasonCode.MARKED])


def test_a_rule_of_one_family_is_all_of_a_pair_of_that_family() -> None:
    marked = Config(mark_rules=(rule(src_ip=ALL4),))
    assert [reason.code for reason in reasons_for_all(marked, "lan", "wan", Family.IPV4)] == [ReasonCode.MARKED]
    assert reasons_for_all(marked, "lan", "wan", Family.IPV6) == reasons_for_all(marked, "lan", "wan", Family.ANY) == []
    assert reasons_for_part(marked, "lan", "wan", Family.IPV6) == []


def test_rules_with_one_effect_share_a_sentence() -> None:
    rules = tuple(rule(f"dscp {number}", "*", "*", src_ip=ALL4) for number in range(99))
    (reason,) = lan_wan(mark_rules=rules).reasons
    named = "'dscp 0', 'dscp 1', 'dscp 2', ..."
    assert reason.text == f"99 rules {FILE} ({named}) mark packets one by one{ONE}all IPv4 stays slow"


def test_a_rule_without_a_name_is_called_by_its_section() -> None:
    mark_rule = MarkRule("@rule[0]", "@rule[0]", (exempt_of("@rule[0]", "@rule[0]", "lan", "wan"),))
    (reason,) = lan_wan(mark_rules=(mark_rule,)).reasons
    assert reason.text == f"rule @rule[0] {FILE} marks every packet of it{ONE}all of it stays slow"


def test_a_name_neither_moves_the_cursor_nor_fills_the_page() -> None:
    (reason,) = lan_wan(mark_rules=(rule("\x1b[2J" + "n" * 500),)).reasons
    assert reason.text.startswith(f"rule '?[2J{'n' * 56}...' of")


def test_exempts_that_are_all_of_it_together_keep_it_slow() -> None:
    exempts = (exempt_of("a", "a", proto=("tcp",)), exempt_of("b", "b", proto=("udp",)))
    pair = lan_wan(exempts=exempts)
    assert (pair.effective, [reason.text for reason in pair.reasons]) == (
        Mode.NONE,
        ["exempt a keeps all TCP slow", "exempt b keeps all UDP slow"],
    )


def test_an_exempt_and_a_rule_may_be_all_of_it_together() -> None:
    pair = lan_wan(exempts=(exempt_of("a", "a", src_ip=ALL4),), mark_rules=(rule(src_ip=ALL6),))
    assert (pair.effective, [reason.code for reason in pair.reasons]) == (
        Mode.NONE,
        [ReasonCode.EXEMPT_PART, ReasonCode.MARKED_PART],
    )


def test_a_faulty_exempt_is_no_part() -> None:
    faulty = exempt_of("a", "a", proto=("tcp",), faulty=True)
    assert (
        reasons_for_all(Config(exempts=(faulty, exempt_of("b", "b", proto=("udp",)))), "lan", "wan", Family.ANY) == []
    )


networks = st.sampled_from([(), ALL4, ALL6, NET, (*ALL4, *ALL6)])
protocols = st.sampled_from([(), ("tcp",), ("udp",), ("tcp", "udp"), ("gre",), ("gre", "udp")])
matches = st.builds(
    rule, st.sampled_from("abc"), st.sampled_from(("*", "lan")), src_ip=networks, dest_ip=networks, proto=protocols
)


@gate
@given(st.lists(matches, max_size=4), st.sampled_from([Family.ANY, Family.IPV4, Family.IPV6]))
def test_the_reasons_are_what_the_exempts_match(rules: list[MarkRule], family: Family) -> None:
    """The same answer as a plain check of each kind of traffic; one address is in no list but that of its family."""
    versions = {Family.ANY: (4, 6), Family.IPV4: (4,), Family.IPV6: (6,)}[family]

    def matched(version: int, proto: str) -> bool:
        return any(
            proto in (words.get("proto") or ("tcp", "udp"))
            and all(
                not words.get(end) or any(net.version == version and net.prefixlen == 0 for net in words[end])
                for end in ("src_ip", "dest_ip")
            )
            for one in rules
            for words in map(conditions, one.exempts)
        )

    config = Config(mark_rules=tuple(rules))
    all_of_it = all(matched(version, proto) for version in versions for proto in ("tcp", "udp"))
    assert bool(reasons_for_all(config, "lan", "wan", family)) == all_of_it
