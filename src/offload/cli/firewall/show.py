"""`offload firewall print|check`: the ruleset as nft text, and the problems of the configuration."""

# These run often and on large configurations, so they import nothing that they do not need.
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from offload.cli.firewall.compiled import compiled, read_inputs
from offload.cli.firewall.given import DONE, FAILED, PROBLEMS, Given
from offload.errors import NftError
from offload.model.kernel.nft import Ruleset
from offload.model.problems.firewall_problem import REMARKS, FirewallProblem
from offload.model.sections.section import Section
from offload.nft.text import chain_lines, ruleset_text


def print_ruleset(given: Given) -> int:
    """Print the ruleset as nft text, and without -q the problems of the configuration on stderr; give exit code 0.

    With --explain the rules of the chains are printed, each with the section of /etc/config/firewall that it comes
    from, or with `every ruleset`. Errors as of `compiled`.
    """
    ruleset, problems, sections = compiled(given.root)
    if not given.quiet:
        _warn(problems)
    text = "\n".join(_explained(ruleset, sections)) + "\n" if given.explain else ruleset_text(ruleset)
    if not text.isascii():
        from offload.model.text.octets import encodable

        text = encodable(text)
        if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.encoding.lower() == "utf-8":
            sys.stdout.reconfigure(errors="surrogateescape")  # nft is to find files whose names are not UTF-8
    sys.stdout.write(text)
    return DONE


def check(given: Given) -> int:
    """Print the problems of the configuration, and give the exit code. On the running router nft checks the ruleset.

    3: there are problems. 0: there are none, or mere remarks. 1: nft fails, or refuses the ruleset even without the
    parts that it has named; a sentence is printed on stderr then, but not with -q. Errors as of `compiled`.
    """
    try:
        problems = compiled(given.root)[1] if given.root else _checked_by_nft()
    except NftError as error:
        if not given.quiet:
            sys.stderr.write(f"offload: nft refuses the ruleset: {error}\n")
        return FAILED
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    if all(problem.fault in REMARKS for problem in problems):
        sys.stdout.write("Nothing is wrong.\n")
        return DONE
    return PROBLEMS


def _checked_by_nft() -> Sequence[FirewallProblem]:
    # with one problem for each part that a load would leave out because nft refuses it
    from time import monotonic

    from offload.service.firewall.load import Loading
    from offload.system.firewall_files import FirewallFiles
    from offload.system.nft.door import Nft

    files = FirewallFiles(Path("/"))
    return Loading(read_inputs(None, files), Nft(), files.matching, monotonic).checked().compiled.problems


def _warn(problems: Sequence[FirewallProblem]) -> None:
    begin, end = ("\033[33m", "\033[m") if sys.stderr.isatty() else ("[!] ", "")
    sys.stderr.write("".join(f"{begin}{problem}{end}\n" for problem in problems))


def _explained(ruleset: Ruleset, sections: Sequence[Section]) -> Iterator[str]:
    # A rule of no section of /etc/config/firewall has `every ruleset` there.
    path = "/etc/config/firewall"
    begins = {each.id: each.line for each in sections if each.line}
    shown = {each.id: f" ({each.options['name']})" for each in sections if isinstance(each.options.get("name"), str)}
    for chain in ruleset.table.chains:
        yield f"chain {chain.name}"
        for line, origin in chain_lines(chain, ruleset.table.label):
            where = f"{path}:{begins[origin]} {origin}{shown.get(origin, '')}" if origin in begins else "every ruleset"
            yield f"    {line}    # {where}"
