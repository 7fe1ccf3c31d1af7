"""The command `offload`: its command line, and what it prints.

Each verb answers with one value, which is printed as text for people or as JSON.
"""

import sys
from typing import TYPE_CHECKING

from offload import __version__
from offload.cli.answer import Answer, Exit
from offload.cli.router import Router
from offload.cli.verbs import VERBS
from offload.errors import OffloadError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from pathlib import Path


def parser() -> "ArgumentParser":
    """The command line, made from the table of verbs."""
    import argparse

    top = argparse.ArgumentParser(
        prog="offload",
        description="Flow offload per zone, and why not.",
        epilog="offload firewall --help tells about the whole firewall.",
    )
    top.add_argument("--version", action="version", version=f"offload {__version__}")
    verbs = top.add_subparsers(prog=top.prog, dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items():
        sub = verbs.add_parser(name, help=verb.help, description=verb.help)
        sub.add_argument("--json", action="store_true", help="answer in JSON")
        sub.add_argument("--root", type=_directory, metavar="DIR", help="a router as a directory instead of this one")
        for flag, words in verb.arguments:
            sub.add_argument(flag, **words)
    return top


def _directory(path: str) -> "Path":
    # not imported at the head: pathlib takes as long as everything else that `--version` needs
    from pathlib import Path

    return Path(path)


def main(argv: list[str]) -> int:
    """Run one verb; every refusal is one sentence on stderr (or in JSON) and an exit code."""
    given = parser().parse_args(argv)
    try:
        answer = VERBS[given.verb].run(Router(given.root), given)
    except OffloadError as refusal:
        sentence = str(refusal)
        code = Exit.USAGE if isinstance(refusal, UsageError) else Exit.FAILED
        answer = Answer("", {"ok": False, "error": sentence}, code, (sentence,))
    if given.json:
        import json

        print(json.dumps(answer.data, indent=1))
    elif answer.text:
        print(answer.text)
    for note in () if given.json else answer.notes:
        print(f"offload: {note}", file=sys.stderr)
    return answer.code
