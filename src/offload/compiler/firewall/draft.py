"""A ruleset during compilation: what all sections share, and the rules so far."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from offload.compiler.firewall.includes import Includes
from offload.compiler.firewall.matches.expand import Expander, LeftOutError
from offload.compiler.firewall.unread import Refusals
from offload.compiler.firewall.zones import FirewallZone
from offload.model.kernel.nft import Rule
from offload.model.problems.firewall_problem import FirewallFault, FirewallProblem
from offload.model.sections.firewall import ANY, FirewallConfig, Helper, Origin
from offload.model.sections.firewall import Rule as RuleSection

Restriction = tuple[int | None, str]


class Draft(NamedTuple):
    """The rules of all sections, gathered by chain while the ruleset is compiled."""

    config: FirewallConfig  # the parsed firewall configuration
    zones: dict[str, FirewallZone]  # the zones by name, with their present devices
    helpers: Mapping[str, Helper]  # conntrack helpers whose modules are loaded, by name
    expander: Expander  # turns networks and sets into addresses
    includes: Includes  # nft files of the user and of other packages
    chains: defaultdict[str, list[Rule]]  # rules by the name of their chain
    refusals: Refusals  # by base chain, rules that refuse what left-out zones would refuse

    @property
    def problems(self) -> list[FirewallProblem]:
        """The list of the problems found so far, to which others are appended."""
        return self.expander.problems

    def add(self, chain: str, rule: Rule) -> None:
        """Append a rule to a chain."""
        self.chains[chain].append(rule)

    def zone(self, origin: Origin, option: str, name: str) -> FirewallZone | None:
        """The zone of that name; None for an empty name and `*`. LeftOutError: it does not exist.

        `origin`, `option`: the section and option that name it, for the error.
        """
        if not name or name == ANY:
            return None
        found = self.zones.get(name)
        if found is None:
            raise LeftOutError(FirewallFault.UNKNOWN_ZONE.at(origin, option, value=name))
        return found

    def helper(self, origin: Origin, name: str) -> Helper:
        """The conntrack helper of that name, also if its module is not loaded; LeftOutError: its name is unknown.

        `origin`: the section that names it, for the error.
        """
        for each in self.config.helpers:
            if each.name == name:
                return each
        raise LeftOutError(FirewallFault.UNKNOWN_HELPER.at(origin, value=name))

    @staticmethod
    def zone_restrictions(*zones: FirewallZone | None) -> list[Restriction]:
        """(family, `zone NAME`) for each of these zones that has IPv4 only or IPv6 only."""
        return [(zone.family, f"zone {zone.name}") for zone in zones if zone is not None and zone.family]

    def restrictions(
        self, section: RuleSection, src: FirewallZone | None, dest: FirewallZone | None
    ) -> tuple[Restriction, ...]:
        """(family, name) of each zone and helper of a rule that may restrict it to one family; family 0: it does not.

        The helpers are the one that the rule compares and the one that it assigns. LeftOutError: one is not known.
        """
        found = self.zone_restrictions(src, dest)
        if section.match.helper is not None:
            helper = self.helper(section.origin, section.match.helper.text)
            found.append((helper.family, f"helper {helper.name}"))
        if section.set_helper:
            helper = self.helper(section.origin, section.set_helper)
            found.append((helper.family, f"helper {helper.name}"))
        return tuple(found)
