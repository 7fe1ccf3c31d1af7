"""The verbs of the command: their help, their arguments, and the function that runs each.

A verb's function is imported when the verb is run, so this table imports none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from offload.status.query_words import PAGE, SORTS

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from offload.cli.answer import Answer
    from offload.cli.router import Router


class Verb(NamedTuple):
    """A verb: `module` of this package and `function` run it, `help` is its sentence, `arguments` go to argparse.

    A NamedTuple, because the command starts faster without `dataclasses`.
    """

    module: str
    function: str
    help: str
    arguments: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def run(self) -> "Callable[[Router, Namespace], Answer]":
        """The function: takes the Router and the parsed arguments, gives an Answer."""
        run: Callable[[Router, Namespace], Answer] = getattr(import_module(f"offload.cli.{self.module}"), self.function)
        return run


def _flag(help_: str) -> dict[str, Any]:
    return {"action": "store_true", "help": help_}


MODE: tuple[str, dict[str, Any]] = ("mode", {"metavar": "MODE", "help": "none, software or hardware"})
CHOOSING = (
    ("--zone", {"help": "only flows from or to this zone"}),
    ("--host", {"help": "only flows from or to this address or network"}),
    ("--state", {"help": "slow, software or hardware"}),
)
# Options of `exempt add`, and whether each may be given several times.
MATCHES = {
    "src": False, "dest": False, "src_ip": True, "dest_ip": True, "src_mac": True, "proto": True,
    "src_port": True, "dest_port": True, "mark": False, "dscp": False,
}  # fmt: skip
EXEMPT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("action", {"choices": ("add", "delete", "list"), "metavar": "ACTION", "help": "add, delete or list"}),
    ("id", {"nargs": "?", "type": int, "metavar": "ID", "help": "which one to delete"}),
    ("--timeout", {"default": "1h", "help": "for how long: 90s, 30m, 1h (the default), 2d"}),
    *((f"--{word.replace('_', '-')}", {"action": "append"} if many else {}) for word, many in MATCHES.items()),
)
VERBS = {
    "status": Verb("local", "status", "Show what is offloaded, zone by zone, and why not."),
    "flows": Verb(
        "local",
        "flow_list",
        "List forwarded connections with their paths, and why each slow one is slow.",
        (
            *CHOOSING,
            ("--sort", {"help": ", ".join(SORTS)}),
            ("--limit", {"help": f"at most so many ({PAGE})"}),
            ("--offset", {"help": "leave out so many first"}),
            ("--all", _flag("also connections of the router itself")),
        ),
    ),
    "print": Verb("local", "print_ruleset", "Print the nft text for this configuration, the same bytes every time."),
    "check": Verb("local", "check", "Name what is wrong with the configuration, and what kernel or nft lack."),
    "apply": Verb(
        "local",
        "apply",
        "Bring the kernel in line with the configuration; with --dry-run only show what would be sent.",
        (("--dry-run", _flag("show the nft text, send nothing")),),
    ),
    "zones": Verb("remote", "zones", "Show zones and pairs of zones: what was chosen, and what they get."),
    "set": Verb(
        "remote",
        "set_zone",
        "Give a zone a mode: written to /etc/config/offload, and applied.",
        (("zone", {"metavar": "ZONE"}), MODE),
    ),
    "pair": Verb(
        "remote",
        "set_pair",
        "Give a pair of zones a mode of its own: written to /etc/config/offload, and applied.",
        (("src", {"metavar": "SRC"}), ("dest", {"metavar": "DEST"}), MODE),
    ),
    "exempt": Verb(
        "remote", "exempt", "Keep traffic on the slow path for a while: add, delete or list such exempts.", EXEMPT
    ),
    "flush": Verb(
        "remote", "flush", "Put offloaded flows back on the slow path for a moment; no connection ends.", CHOOSING
    ),
    "cut": Verb(
        "remote",
        "cut",
        "End connections that are no longer allowed: each has to pass the firewall anew to go on.",
        CHOOSING,
    ),
    "reload": Verb("remote", "reload", "Read everything anew, and bring the kernel in line."),
    "takeover": Verb(
        "remote",
        "takeover",
        "Turn fw4's own global offload into our mode, and switch it off there; nothing to do where it is off.",
        (("--once", _flag("not where it was asked for before")),),
    ),
    "giveback": Verb(
        "remote",
        "giveback",
        "Give fw4 its global offload back, if it was taken over and was not changed since.",
        (("--forget", _flag("and forget that it was ever asked for")),),
    ),
    "service": Verb("local", "service", "Stay, follow every change, and answer on ubus; procd runs this."),
    "snapshot": Verb(
        "local",
        "take_snapshot",
        "Write this router as a directory for --root, without passwords and keys.",
        (
            ("directory", {"metavar": "DIR", "help": "a directory to make, or an empty one"}),
            ("--with-names", _flag("with the names of rules and exempts, not numbers instead")),
        ),
    ),
}
