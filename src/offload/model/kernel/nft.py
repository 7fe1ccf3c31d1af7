"""nftables objects (tables, chains, rules, sets, ...) from which nft text is written."""

# NamedTuples and not dataclasses: every start of the command defines these classes again, and dataclasses take longer.
from typing import NamedTuple

from offload.model.sections.match import EVERYTHING, Limit, Match


class Rule(NamedTuple):
    """One rule of a chain: its conditions, and its verdict."""

    verdict: str  # what it does: `accept`, `jump input_lan`, `delete @s { ... }`; empty: it only counts or logs
    match: Match = EVERYTHING  # conditions; without any the rule is for every packet
    comment: str = ""  # without the label of the table
    counter: bool = False  # it counts packets and bytes
    log: str = ""  # prefix of its log lines; empty: no log
    # rate of the log lines, or the name of a limit object for them; then nft has a rule for the log before this one
    limit_log: "Limit | str | None" = None
    origin: str = ""  # id of the section that asked for it; empty: no section is noted, or it has no id


class Include(NamedTuple):
    """An include statement for a file."""

    path: str


class Hook(NamedTuple):
    """The type, hook, priority and policy of a base chain, each as nft text."""

    type: str
    hook: str
    priority: str
    policy: str = "accept"


class Chain(NamedTuple):
    """A chain and its rules in order, with include statements between them; `hook`: None if it is no base chain."""

    name: str
    rules: tuple["Rule | Include", ...]
    hook: Hook | None = None


class Set(NamedTuple):
    """A named set."""

    name: str  # of the set
    types: tuple[str, ...]  # of the key's parts, in order; empty: `typeof` has the key
    elements: tuple[str, ...] = ()  # as nft text
    flags: tuple[str, ...] = ()  # interval, timeout, dynamic, ...
    size: int = 0  # most elements; 0 for no limit
    timeout: int = 0  # seconds; 0: none
    auto_merge: bool = False  # nft joins intervals that touch or overlap
    comment: str = ""  # of the set
    typeof: str = ""  # the key as an expression, where it has no named type
    written: tuple[str, ...] = ()  # elements with their remaining time, as they are sent; empty: `elements` are sent
    followed: bool = False  # the service changes its elements one by one as hosts move, so they are not compared


class Map(NamedTuple):
    """A map from keys to verdicts. `types`: of the key's parts, in order; `elements`: nft text, `KEY : VERDICT`.

    `meaning`: the indexes of the devices that the elements name, as text; the map's digest covers it.
    """

    name: str
    types: tuple[str, ...]
    elements: tuple[str, ...] = ()
    meaning: str = ""


class Flowtable(NamedTuple):
    """A flowtable at the ingress hook of its devices; `hardware`: with `flags offload`."""

    name: str
    devices: tuple[str, ...]
    hardware: bool = False
    priority: str = "filter"


class Helper(NamedTuple):
    """A conntrack helper object (`ct helper`): the kernel's name of the helper, and its protocol."""

    name: str
    protocol: str


class NamedLimit(NamedTuple):
    """A limit object that several rules share."""

    name: str
    limit: Limit
    comment: str


class Define(NamedTuple):
    """A variable `$NAME` for files that the ruleset includes; `values`: nft text."""

    name: str
    values: tuple[str, ...]


class Table(NamedTuple):
    """A table of family inet, and its objects."""

    name: str  # of the table
    chains: tuple[Chain, ...]  # base chains and others
    flowtables: tuple[Flowtable, ...] = ()  # with their devices
    helpers: tuple[Helper, ...] = ()  # conntrack helper objects
    sets: tuple[Set, ...] = ()  # named sets
    defines: tuple[Define, ...] = ()  # variables for included files
    limits: tuple[NamedLimit, ...] = ()  # limit objects
    before: tuple[Include, ...] = ()  # files included at the beginning of the table
    after: tuple[Include, ...] = ()  # files included at the end of the table
    maps: tuple[Map, ...] = ()  # verdict maps
    label: str = ""  # text before each rule's comment: `!fw4: `


class Ruleset(NamedTuple):
    """A table, and the include statements before and after it."""

    table: Table
    before: tuple[Include, ...] = ()
    after: tuple[Include, ...] = ()
