"""How the options of a section are read: a table for each section type, with an Option for each option."""

# The tables are in config/choices/offload_tables.py and config/fw4/options/firewall_tables.py; sentences are made in
# offload_reading.py and firewall_reading.py.
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from offload.model.problems.problem import ProblemCode

# What a fault in such an option means for its section of the firewall.
CORE = "core"  # the section is left out: it is not known which traffic it matches, or what it does
CONDITION = "condition"  # the section would match more without it: left out, but DROP and REJECT may be kept
DETAIL = "detail"  # the section is left out, but DROP and REJECT are kept without the option

Given = str | Sequence[str]
Parser = Callable[[str], Any]  # text -> value; None or a Bad: not valid
MOST_REMEMBERED = 20_000  # values of a table


class Bad(NamedTuple):
    """A parser's result for a value that is not valid: the sentence about it, and the words for its blanks."""

    fault: ProblemCode
    words: Mapping[str, object]


class Option(NamedTuple):
    """How an option of a section is parsed, and what a fault in it means."""

    parse: Parser  # text -> value; None or a Bad: not valid
    expected: str = ""  # ends the sentence `VALUE is not ...`; empty: the parser's Bad has a sentence
    role: str = CORE  # what a fault in it means for a section of the firewall: CORE, CONDITION or DETAIL
    many: bool = False  # its value is a tuple: of a UCI list, or of the words of a text with blanks
    flat: bool = False  # the parser gives a tuple for each word (`tcpudp`: two values); the tuples are joined
    filled: bool = False  # a text without words is a fault, because without the list the section would match all
    required: bool = False  # a section without it has a fault
    negatable: bool = True  # `!` before the value is allowed
    unsupported: bool = False  # nftables cannot express it: it has no value, and is a fault
    without_effect: bool = False  # fw4 reads it and ignores it: it has no value, and Fault.NO_EFFECT
    consequence: str = ""  # ends the sentence about a bad value; empty: as for the section's other options
    free_text: bool = False  # a person chose the words: a bug report replaces them by a number


class Fault(Enum):
    """How an option, or one of its values, can be wrong.

    The option is unknown, missing, a list where one value is needed (NOT_A_LIST), not expressible in nftables
    (UNSUPPORTED), or without effect; a value is not valid (VALUE), or has a `!` that is not allowed (NEGATED).
    """

    UNKNOWN = "unknown"
    MISSING = "missing"
    NOT_A_LIST = "not a list"
    VALUE = "value"
    NEGATED = "negated"
    UNSUPPORTED = "unsupported"
    NO_EFFECT = "no effect"


class Refused(NamedTuple):
    """A fault of an option, or of one value of it.

    `value`: the text at fault, which may be empty; empty also if the whole option is at fault. `bad`: the parser's own
    sentence; None: it has none.
    """

    fault: Fault
    option: str
    value: str = ""
    bad: Bad | None = None


Read = tuple[bool, Any, tuple[Refused, ...]]  # whether there is a value, the value, what was invalid


class Table(dict[str, Option]):
    """The options that a section type can have, by name. `required`: names of those that a section must have.

    `memory`: results of earlier parsing.
    """

    __slots__ = ("memory", "required")

    def __init__(self, options: Mapping[str, Option]) -> None:
        super().__init__(options)
        self.required = tuple(name for name, option in options.items() if option.required)
        self.memory: dict[tuple[str, Given], Read] = {}


class Values(NamedTuple):
    """The valid values of a section by option, and its faults.

    A list with bad values has its good ones in `values`, perhaps ().
    """

    values: dict[str, Any]
    refused: tuple[Refused, ...]


def read(options: Mapping[str, Given], table: Table) -> Values:
    """Parse the options of a section by the table of its type. Unknown options and missing required ones are faults.

    `options`: {name: UCI's text, or a tuple of texts for a list}. A list with faults has its valid values. An option
    that nftables cannot express, or that has no effect, is a fault and has no value.
    """
    values: dict[str, Any] = {}
    refused: list[Refused] = []
    memory = table.memory
    for name, given in options.items():
        found = memory.get((name, given)) or _remembered(name, given, table)
        there, value, bad = found
        if there:
            values[name] = value
        if bad:
            refused += bad
    refused += [Refused(Fault.MISSING, name) for name in table.required if name not in options]
    return Values(values, tuple(refused))


def _remembered(name: str, given: Given, table: Table) -> Read:
    option = table.get(name)
    if option is None:  # unknown names are not cached: there may be any number of them
        return False, None, (Refused(Fault.UNKNOWN, name),)
    if len(table.memory) >= MOST_REMEMBERED:
        table.memory.clear()
    found = table.memory[name, given] = _read(name, given, option)
    return found


def _read(name: str, given: Given, option: Option) -> Read:
    if not option.many and not isinstance(given, str):
        return False, None, (Refused(Fault.NOT_A_LIST, name),)
    words = given if not isinstance(given, str) else given.split() if option.many else (given,)
    if option.filled and isinstance(given, str) and not words:
        return False, None, (Refused(Fault.VALUE, name, given),)
    good: list[Any] = []
    refused: list[Refused] = []
    for word in words:
        value = option.parse(word)
        if value is None or type(value) is Bad:
            refused.append(Refused(Fault.VALUE, name, word, value))
        elif not option.negatable and getattr(value, "negated", False):
            refused.append(Refused(Fault.NEGATED, name, word))
        else:
            good.extend(value if option.flat else (value,))
    if not refused and (option.unsupported or option.without_effect):
        return False, None, (Refused(Fault.UNSUPPORTED if option.unsupported else Fault.NO_EFFECT, name),)
    return bool(option.many or good), tuple(good) if option.many else (good or [None])[0], tuple(refused)
