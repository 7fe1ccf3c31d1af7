"""`offload firewall`: the whole firewall as nft text, and what is wrong with its configuration.

These verbs run once for every reload of a router's firewall, so nothing is imported that they do not need.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from offload.errors import NftError, OffloadError
from offload.model.firewall_problem import REMARKS, FirewallProblem
from offload.model.nft import Ruleset
from offload.model.section import Section
from offload.nft.text import chain_lines, ruleset_text
from offload.service.firewall import inputs
from offload.system.firewall_files import FirewallFiles

DUMP, DATA = "network.interface dump", "service get_data"
DONE, FAILED, USAGE, PROBLEMS = 0, 1, 2, 3
HELP = """\
usage: offload firewall print [--explain] [--root DIR]   the ruleset as nft text
       offload firewall check [--root DIR]               what is wrong with the configuration

  --explain   name the section and the line that each rule comes from
  --root DIR  a router as a directory instead of this one
"""


def main(argv: list[str]) -> int:
    """Run one verb: `argv` begins with `firewall`. Every refusal is one sentence on stderr and an exit code."""
    try:
        verb, root, explain = _arguments(argv[1:])
    except ValueError as error:
        sys.stderr.write(f"{error}{HELP}")
        return USAGE if str(error) else DONE
    try:
        return VERBS[verb](root, explain)
    except OffloadError as refusal:
        sys.stderr.write(f"offload: {refusal}\n")
        return FAILED


def _arguments(argv: Sequence[str]) -> tuple[str, Path | None, bool]:
    words = iter(argv)
    verb, root, explain = "", None, False
    for word in words:
        option, _, value = word.partition("=")
        if word in VERBS and not verb:
            verb = word
        elif word == "--explain":
            explain = True
        elif option == "--root" and (value or (value := next(words, ""))):
            root = Path(value)
        elif word in {"-h", "--help"}:
            raise ValueError
        else:
            raise ValueError(f"offload: '{word}' is not understood here\n")
    if not verb:
        raise ValueError("offload: which verb of 'firewall'?\n")
    return verb, root, explain


def compiled(root: Path | None) -> tuple[Ruleset, tuple[FirewallProblem, ...], tuple[Section, ...]]:
    """Read a router and compile its firewall: the ruleset, the problems, and the sections it comes from."""
    files = FirewallFiles(root or Path("/"))
    sections = files.sections("firewall")
    snapshot: dict[str, Any] = {} if root is None else files.snapshot()
    ubus = _asked() if root is None else snapshot.get("ubus", {})
    dump, data = ubus.get(DUMP), ubus.get(DATA)
    modules = files.modules() | frozenset(snapshot.get("kernel", {}).get("modules", ()))
    lower, installed = _devices(snapshot) or files.devices(), _installed(snapshot) or files.installed()
    found = inputs.compiled(inputs.read(sections, dump, data, files, modules, lower, installed))
    return found.ruleset, found.problems, sections


def print_ruleset(root: Path | None, explain: bool) -> int:
    """Print the ruleset; problems go to stderr, as fw4 has them."""
    ruleset, problems, sections = compiled(root)
    _warn(problems)
    text = "\n".join(_explained(ruleset, sections)) + "\n" if explain else ruleset_text(ruleset)
    sys.stdout.write(text)
    return DONE


def check(root: Path | None, _: bool) -> int:
    """Name what is wrong with the configuration; on the running router nft is asked as well."""
    ruleset, problems, _sections = compiled(root)
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    if root is None:
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


VERBS = {"print": print_ruleset, "check": check}


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
        for line, origin in chain_lines(chain):
            where = f"{path}:{begins[origin]} {origin}{shown.get(origin, '')}" if origin in begins else "every ruleset"
            yield f"    {line}    # {where}"


def _asked() -> dict[str, Any]:
    """What ubus says about networks and services."""
    from offload.system.ubus.client import UbusClient

    bus = UbusClient()
    return {
        DUMP: bus.call("network.interface", "dump"),
        DATA: bus.call("service", "get_data", {"type": "firewall"}),
    }


def _devices(snapshot: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The devices of a router directory, each with those beneath it where it is a bridge or a VLAN."""
    links = snapshot.get("links", ())
    ports: dict[str, list[str]] = {}
    for each in links:
        if each.get("master"):
            ports.setdefault(each["master"], []).append(each["name"])
    kinds = {"bridge", "vlan"}
    return {
        each["name"]: (*(each.get("lower") or ()), *ports.get(each["name"], ())) if each.get("kind") in kinds else ()
        for each in links
    }


def _installed(snapshot: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """The nft files of a router directory: by place, and for chains by `place/chain`."""
    found = []
    for place, paths in snapshot.get("includes", {}).items():
        position, _, chain = place.partition("/")
        found += [(position, chain, path) for path in paths]
    return tuple(found)
