"""Write nftables objects as nft text, by templates. Pure, except that templates are read, and stored compiled.

A template is compiled to code that runs without Jinja2 (template.py). One that needs more of Jinja2 is run by Jinja2.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from offload.model.kernel.nft import Chain, Include, Rule, Ruleset, Set, Table
from offload.model.sections.match import Limit
from offload.nft.match import limit_text, quoted, text
from offload.nft.template import Filters, prepare, template

LONGEST_COMMENT, LONGEST_PREFIX = 128, 127  # bytes; nft refuses more
# compiled when needed, for that takes each command that prints a ruleset 1 ms
NOT_IN_PATHS = r'["\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udc7f\udd00-\udfff]'


def ruleset_text(ruleset: Ruleset) -> str:
    """The text for `nft -f -` that flushes all rules of the table and declares all of the ruleset, in one transaction.

    Include statements are in it. Elements that sets have in the kernel stay, and so do objects that the ruleset lacks.
    What only the tables of offload have is not written: maps, sets with `typeof`, priorities of flowtables.
    """
    return fill("ruleset", ruleset=ruleset, table=ruleset.table)


def table_text(table: Table) -> str:
    """The declaration of one table as nft text: flowtables, sets, chains without a hook, maps, base chains.

    Helpers, limits, variables, include statements in the table and comments of sets are not written: the tables of
    offload have none. Elements with a timeout (`written`) have their remaining time.
    """
    return fill("table", table=table)


def line_origins(ruleset: Ruleset, text: str) -> list[str]:
    """For each line of `text`, the id of the UCI section that its rule comes from, or an empty string.

    The string is empty for a line that is no rule, and for a rule without `origin`. `text`: what `ruleset_text` made of
    the ruleset, or a text with its chains that has the same lines for their rules, in the same order.
    """
    chains = {each.name: each for each in ruleset.table.chains}
    found: list[str] = []
    expected: Iterator[tuple[str, str]] = iter(())
    awaited = next(expected, None)
    for raw in text.splitlines():
        line = raw.strip()
        word, _, rest = line.partition(" ")
        if word == "chain" and rest.endswith(" {"):
            expected = chain_lines(chains[rest[:-2]], ruleset.table.label) if rest[:-2] in chains else iter(())
            awaited = next(expected, None)
        if awaited is not None and line == awaited[0]:
            found.append(awaited[1])
            awaited = next(expected, None)
        else:
            found.append("")
    return found


def chain_lines(chain: Chain, label: str = "") -> Iterator[tuple[str, str]]:
    """Yield (line of nft text, not indented; id of its UCI section) for the rules and include statements of a chain.

    The id is empty for an include statement, and for a rule without `origin`. `label`: text before each comment.
    """
    for each in chain.rules:
        if isinstance(each, Include):
            yield f"include {path_text(each.path)}", ""
        else:
            for line in rule_lines(each, label):
                yield line, each.origin


def rule_lines(rule: Rule, label: str = "") -> Iterator[str]:
    """A rule as lines of nft text: one, or two if its log has a rate limit, of which the first only logs.

    Both have the rule's conditions; counter, verdict and comment (with `label` before it) are in the last one. A line
    that would be empty is left out.
    """
    match = text(rule.match)
    log = f"log prefix {prefix(rule.log)} " if rule.log else ""
    if log and rule.limit_log is not None:
        yield f"{match}{_log_limit(rule.limit_log)} {log}".rstrip()
        log = ""
    counter = "counter " if rule.counter else ""
    verdict = f"{rule.verdict} " if rule.verdict else ""
    comment = f"comment {_note(label + rule.comment)}" if rule.comment else ""
    line = f"{match}{counter}{log}{verdict}{comment}".rstrip()
    if line:
        yield line


def _log_limit(limit: Limit | str) -> str:
    return f'limit name "{limit}"' if isinstance(limit, str) else f"limit rate {limit_text(limit)}"


def path_text(path: str) -> str:
    """The path of a file between quotes, for an include statement.

    nft has no escapes: its wildcard `?` is in place of a `"` and of characters that end a line or control a terminal. A
    byte that is not UTF-8 is in it as Python has it in names of files; a text with it is encoded by `octets.as_bytes`.
    """
    plain = path.isascii() and path.isprintable() and '"' not in path
    return f'"{path if plain else re.sub(NOT_IN_PATHS, "?", path)}"'


# cut to the length that nft allows
def _note(comment: str) -> str:
    return quoted(cut(comment, LONGEST_COMMENT))


@cache
def prefix(log: str) -> str:
    """A log prefix as `quoted` writes it, cut to the 127 bytes that nft allows; `$` (of a variable) becomes `?`."""
    return quoted(cut(log.replace("$", "?"), LONGEST_PREFIX))


def cut(value: str, most: int) -> str:
    """The beginning of a text, at most `most` bytes in UTF-8; a character that would not fit as a whole is left out."""
    return value if len(value) * 4 <= most else value.encode(errors="replace")[:most].decode(errors="ignore")


def _elements(each: Set) -> str:
    return ",\n\t\t\t".join(each.elements)


def _braces(values: Iterable[str]) -> str:
    joined = ", ".join(values)
    return f"{{ {joined} }}" if joined else "{ }"


def fill(name: str, **words: Any) -> str:
    """The text of the template of this name (without `.nft.j2`); `words`: the values of its variables.

    OSError: the template cannot be read, for instance because there is none. LookupError (Jinja2's UndefinedError if
    Jinja2 runs the template): it needs a variable that is not given.
    """
    return _template(name)(**words)


def prepare_templates() -> bool:
    """Store all templates as compiled code, for later starts of the program; False: one could not be stored.

    Templates after that one are then not tried. Templates that Jinja2 has to run are skipped.
    """
    return prepare(FILTERS)


@cache
def _template(name: str) -> Callable[..., str]:
    return template(name, FILTERS)


FILTERS: Filters = {
    "lines": lambda chain, label: [line for line, _ in chain_lines(chain, label)],
    "quoted": quoted,
    "path": path_text,
    "names": lambda names: ", ".join(map(quoted, names)),
    "braces": _braces,
    "elements": _elements,
    "join": lambda values, between: between.join(values),
    "limit": limit_text,
    "note": _note,
}
