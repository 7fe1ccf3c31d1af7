"""The table VERBS of the command's verbs: name -> Verb, with its help, its arguments and the function that runs it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from offload.status.query_words import PAGE, SORTS

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from offload.cli.answer import Answer
    from offload.cli.router import Router

    Arguments = tuple[tuple[str, dict[str, Any]], ...]  # of argparse: (name, keyword arguments)


class Verb(NamedTuple):
    """A verb of the command."""

    module: str  # name of the module in this package; imported when the verb runs
    function: str  # name of the module's function that runs the verb
    help: str  # sentence for `--help`
    own: "Arguments" = ()  # its arguments, without those of `matching`
    rooted: bool = False  # it works with `--root DIR`, on a router's files in a directory
    matching: bool = False  # its arguments are also the conditions of an exempt

    @property
    def arguments(self) -> "Arguments":
        """Its arguments but --json and --root, each (name, keyword arguments for argparse)."""
        return (*self.own, *_conditions()) if self.matching else self.own

    @property
    def run(self) -> "Callable[[Router, Namespace], Answer]":
        """The verb's function, imported by this: it takes the Router and the parsed arguments, and gives an Answer."""
        run: Callable[[Router, Namespace], Answer] = getattr(import_module(f"offload.cli.{self.module}"), self.function)
        return run


def _flag(help_: str) -> dict[str, Any]:
    return {"action": "store_true", "help": help_}


MODE: tuple[str, dict[str, Any]] = ("mode", {"metavar": "MODE", "help": "none, software or hardware"})
DRY_RUN: tuple[str, dict[str, Any]] = ("--dry-run", _flag("only say what it would change; nothing is changed"))
CHOOSING = (
    ("--zone", {"help": "only flows from or to this zone"}),
    ("--host", {"help": "only flows from or to this address or network", "metavar": "ADDRESS"}),
    ("--state", {"help": "slow, software or hardware"}),
)
EXEMPT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("action", {"choices": ("add", "delete", "list"), "metavar": "ACTION", "help": "add, delete or list"}),
    (
        "id",
        {"nargs": "?", "metavar": "ID", "help": "which one to delete: its number, or its section or name in the file"},
    ),
    ("--timeout", {"metavar": "TIME", "help": "for how long: 90s, 30m, 1h (the default), 2d"}),
)

# What the help calls the value of each condition of an exempt.
METAVARS = {
    **dict.fromkeys(("src", "dest"), "ZONE"),
    **dict.fromkeys(("src_ip", "dest_ip"), "ADDRESS"),
    **dict.fromkeys(("src_port", "dest_port"), "PORT"),
    "src_mac": "MAC",
    "proto": "NAME",
    "mark": "MARK",
    "dscp": "CLASS",
}


def matches() -> dict[str, str]:
    """The conditions that `offload exempt add` takes: name (such as `src_ip`) -> text for the help."""
    from offload.model.sections.exempts import ENDS
    from offload.model.sections.fields import FIELDS

    return ENDS | {each.name: each.help for each in FIELDS}


def keys() -> tuple[str, ...]:
    """Those of `matches` of which a timed exempt needs one: an nft set can have them in its key."""
    from offload.model.sections.fields import FIELDS

    return tuple(each.name for each in FIELDS if each.type)


def option(word: str) -> str:
    """The command's option for a word with underscores: `--src-ip` for `src_ip`."""
    return f"--{word.replace('_', '-')}"


def _conditions() -> "Arguments":
    from offload.model.sections.fields import LISTS

    return tuple(
        (
            option(word),
            {"help": help_, "metavar": METAVARS[word]} | ({"action": "append"} if word in LISTS else {}),
        )
        for word, help_ in matches().items()
    )


VERBS = {
    "status": Verb(
        "local",
        "status",
        "Show zones, pairs and devices with their modes and reasons; without a verb, the same in a few lines.",
        (("zone", {"nargs": "?", "metavar": "ZONE", "help": "only this zone, its pairs and its devices"}),),
        rooted=True,
    ),
    "flows": Verb(
        "local",
        "flow_list",
        "List forwarded connections with their paths, and why each slow one is slow.",
        (
            *CHOOSING,
            ("--sort", {"metavar": "WORD", "help": f"{', '.join(SORTS)}; --sort=-WORD for the other way round"}),
            ("--limit", {"metavar": "N", "help": f"at most so many ({PAGE})"}),
            ("--offset", {"metavar": "N", "help": "leave out so many first"}),
            ("--all", _flag("also connections of the router itself, and to multicast or broadcast")),
        ),
    ),
    "explain": Verb(
        "local",
        "explain",
        "Say why connections are on the path they are on, step by step, and what to change.",
        (
            (
                "connection",
                {
                    "nargs": "+",
                    "metavar": "CONNECTION",
                    "help": "a host (192.168.1.50), two ends (tcp 192.168.1.50:5000 198.51.100.9:443), or a line of "
                    "conntrack",
                },
            ),
        ),
        rooted=True,
    ),
    "top": Verb(
        "top",
        "top",
        "Show live who moves how much: bits and packets per second by path, of flows, hosts or pairs.",
        (
            ("--by", {"metavar": "WHAT", "default": "flow", "help": "flow (the default), host or pair"}),
            ("--every", {"metavar": "S", "default": "2", "help": "seconds between two views (2)"}),
            ("--count", {"metavar": "N", "help": "so many views; without it until Ctrl-C, or one into a file or pipe"}),
        ),
    ),
    "totals": Verb(
        "top",
        "totals",
        "Show what each host, or pair of zones, moved by path, in connections between zones since the totals began.",
        (
            ("--by", {"metavar": "WHAT", "default": "host", "help": "host (the default) or pair"}),
            ("--limit", {"metavar": "N", "help": f"at most so many ({PAGE})"}),
        ),
    ),
    "metrics": Verb("local", "metrics", "Print flows, bytes, modes and totals as OpenMetrics text.", rooted=True),
    "print": Verb(
        "local", "print_ruleset", "Print the nft text for this configuration, the same bytes every time.", rooted=True
    ),
    "check": Verb(
        "local",
        "check",
        "List problems of the configuration, features that kernel or nft lack, and what offload disturbs.",
        rooted=True,
    ),
    "apply": Verb(
        "local",
        "apply",
        "Bring the kernel in line with the configuration; with --dry-run only show what would be sent.",
        (("--dry-run", _flag("show the nft text, send nothing; with --root needed")),),
        rooted=True,
    ),
    "zones": Verb("remote", "zones", "Show zones and pairs of zones: what was chosen, and what they get.", rooted=True),
    "set": Verb(
        "remote",
        "set_zone",
        "Give a zone a mode: written to /etc/config/offload, and applied.",
        (("zone", {"metavar": "ZONE", "help": "a zone of /etc/config/firewall"}), MODE, DRY_RUN),
    ),
    "pair": Verb(
        "remote",
        "set_pair",
        "Give a pair of zones a mode of its own: written to /etc/config/offload, and applied.",
        (
            ("src", {"metavar": "SRC", "help": "the zone that opens connections, or * for every zone"}),
            ("dest", {"metavar": "DEST", "help": "the zone that they lead to, or * for every zone"}),
            MODE,
            DRY_RUN,
        ),
    ),
    "exempt": Verb(
        "exempts.exempt",
        "exempt",
        "Keep traffic on the slow path: add an exempt for a while, or list or delete exempts, also configured ones.",
        EXEMPT,
        matching=True,
    ),
    "flush": Verb(
        "remote",
        "flush",
        "Put offloaded flows back on the slow path for a moment (with options: those of each table that has such a "
        "flow); no connection ends.",
        CHOOSING,
    ),
    "cut": Verb(
        "remote",
        "cut",
        "End the connections that the options name (one is needed); to go on, each has to pass the firewall anew.",
        CHOOSING,
    ),
    "reload": Verb("remote", "reload", "Read everything anew, and bring the kernel in line."),
    "takeover": Verb(
        "remote",
        "takeover",
        "Switch fw4's own offload off, and make it the mode of all zones without one; nothing to do where it is off.",
        (("--once", _flag("not where it was asked for before")),),
        rooted=True,
    ),
    "giveback": Verb(
        "remote",
        "giveback",
        "Switch fw4's own offload on again, if it was taken over and nothing was changed since.",
        (("--forget", _flag("and forget that it was ever asked for")),),
        rooted=True,
    ),
    "help": Verb(
        "command",
        "show_help",
        "Show the verbs, or what one of them takes.",
        (("about", {"nargs": "?", "metavar": "VERB", "help": "the verb"}),),
    ),
    "version": Verb("command", "show_version", "Show the version."),
    "service": Verb("local", "service", "Stay, follow every change, and answer on ubus; procd runs this."),
    "snapshot": Verb(
        "local",
        "take_snapshot",
        "Write this router as a directory for --root, without passwords and keys.",
        (
            ("directory", {"metavar": "DIR", "help": "a directory to make, or an empty one"}),
            ("--with-names", _flag("with free text and the names of rules, exempts and pairs, not numbers instead")),
        ),
    ),
}
