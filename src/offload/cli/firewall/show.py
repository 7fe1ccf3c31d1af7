"""`offload firewall print|check`: the ruleset as nft text, and the problems of the configuration.

These run often and on large configurations, so nothing is imported that they do not need.
"""

import sys
from collections.abc import Iterator, Sequence

from offload.cli.firewall.compiled import compiled
from offload.cli.firewall.given import DONE, FAILED, PROBLEMS, Given
from offload.errors import NftError
from offload.model.kernel.nft import Ruleset
from offload.model.problems.firewall_problem import REMARKS, FirewallProblem
from offload.model.sections.section import Section
from offload.nft.text import chain_lines, ruleset_text


def print_ruleset(given: Given) -> int:
    """Print the ruleset; problems go to stderr, as fw4 has them."""
    ruleset, problems, sections = compiled(given.root)
    if not given.quiet:
        _warn(problems)
    text = "\n".join(_explained(ruleset, sections)) + "\n" if given.explain else ruleset_text(ruleset)
    sys.stdout.write(text)
    return DONE


def check(given: Given) -> int:
    """Print the problems of the configuration; on the running router nft checks it as well."""
    ruleset, problems, _sections = compiled(given.root)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    if given.root is None:
        from offload.system.nft.door import Nft

        try:
            Nft().check(ruleset_text(ruleset))
        except NftError as error:
            sys.stderr.write(f"offload: nft refuses the ruleset: {error}\n")
            return FAILED
    if all(problem.fault in REMARKS for problem in problems):
        sys.stdout.write("Nothing is wrong.\n")
        return DONE
    return PROBLEMS


def _warn(problems: Sequence[FirewallProblem]) -> None:
    begin, end = ("\033[33m", "\033[m") if sys.stderr.isatty() else ("[!] ", "")
    sys.stderr.write("".join(f"{begin}{problem}{end}\n" for problem in problems))


def _explained(ruleset: Ruleset, sections: Sequence[Section]) -> Iterator[str]:
    """Every rule with the section that asked for it, and where that begins."""
    path = "/etc/config/firewall"
    begins = {each.id: each.line for each in sections if each.line}
    shown = {each.id: f" ({each.options['name']})" for each in sections if isinstance(each.options.get("name"), str)}
    for chain in ruleset.table.chains:
        yield f"chain {chain.name}"
        for line, origin in chain_lines(chain, ruleset.table.label):
            where = f"{path}:{begins[origin]} {origin}{shown.get(origin, '')}" if origin in begins else "every ruleset"
            yield f"    {line}    # {where}"
