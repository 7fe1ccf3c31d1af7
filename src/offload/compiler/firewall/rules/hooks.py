"""Conditions of rules that no packet of their hook can meet. Pure."""

from offload.compiler.firewall.draft import Draft
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import Rule

_NO_INPUT_DEVICE = frozenset({"output"})
_NO_OUTPUT_DEVICE = frozenset({"prerouting", "input"})  # the packet is not yet routed, or for the router


def report_unmet(draft: Draft, section: Rule, hook: str) -> None:
    """Add to `draft` a problem for each condition of a `config rule` that no packet of its hook can meet.

    They are an input device on output, an output device on prerouting and input (option `device`), and source MAC
    addresses on output (src_mac, or a set that has them). The rule stays in the ruleset. `hook`: prerouting, input,
    forward, output or postrouting.
    """
    problems = draft.problems
    if section.device and section.egress and hook in _NO_OUTPUT_DEVICE:
        problems.append(FirewallFault.NO_OUTPUT_DEVICE.at(section.origin, "device", hook=hook))
    if section.device and not section.egress and hook in _NO_INPUT_DEVICE:
        problems.append(FirewallFault.NO_INPUT_DEVICE.at(section.origin, "device", hook=hook))
    if hook != "output":
        return
    if section.match.src_mac:
        problems.append(FirewallFault.NO_SOURCE_MAC.at(section.origin, "src_mac"))
    named = draft.expander.known_set(section.origin, section.match)
    if named is not None and "ether_addr" in named.set.types:
        problems.append(FirewallFault.NO_SOURCE_MAC.at(section.origin, "ipset"))
