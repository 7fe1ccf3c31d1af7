"""A ruleset while it is compiled: what all sections share, and the rules so far."""

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
    """A ruleset while it is compiled: what all sections share, and the rules so far, by chain."""

    config: FirewallConfig  # the parsed firewall configuration
    zones: dict[str, FirewallZone]  # the zones by name, with their present devices
    helpers: Mapping[str, Helper]  # conntrack helpers whose modules are loaded, by name
    expander: Expander  # splits conditions into matches for one nft rule each; has the problems
    includes: Includes  # nft files of the user and of other packages
    chains: defaultdict[str, list[Rule]]  # rules by the name of their chain
    refusals: Refusals  # by base chain, rules that refuse packets of zones (`unread.refusals`)

    @property
    def problems(self) -> list[FirewallProblem]:
        """The problems found so far; whoever finds another appends it to this list."""
        return self.expander.problems

    def add(self, chain: str, rule: Rule) -> None:
        """Append a rule to the chain of this name; a new chain begins with it."""
        self.chains[chain].append(rule)

    def zone(self, origin: Origin, option: str, name: str) -> FirewallZone | None:
        """The firewall zone of that name; None: the name is empty or `*` (every zone).

        LeftOutError, by which the section is left out of the ruleset: there is no such zone, or the zone is left out
        itself. `origin`, `option`: the section and option that name the zone, for the error.
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
        """(family, `zone NAME`) for each of these zones that has IPv4 only (4) or IPv6 only (6); not for others."""
        return [(zone.family, f"zone {zone.name}") for zone in zones if zone is not None and zone.family]

    def restrictions(
        self, section: RuleSection, src: FirewallZone | None, dest: FirewallZone | None
    ) -> tuple[Restriction, ...]:
        """(family, name) of each zone and helper that may restrict a rule to one family: 4 or 6; 0: it does not.

        Zones (`src`, `dest`; None: none) with both families are not here. The conntrack helpers are the one that the
        rule compares and the one that it assigns; they are here also with 0. LeftOutError: a helper is not known.
        """
        found = self.zone_restrictions(src, dest)
        if section.match.helper is not None:
            helper = self.helper(section.origin, section.match.helper.text)
            found.append((helper.family, f"helper {helper.name}"))
        if section.set_helper:
            helper = self.helper(section.origin, section.set_helper)
            found.append((helper.family, f"helper {helper.name}"))
        return tuple(found)
