"""The command `offload`: its command line, and what it prints.

Each verb answers with one value, which is printed as text for people or as JSON.
"""

import sys
from typing import TYPE_CHECKING, Any

from offload import __version__
from offload.cli.answer import Answer, Exit
from offload.cli.router import Router
from offload.cli.verbs import VERBS
from offload.errors import OffloadError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable
    from pathlib import Path


def _directory(path: str) -> "Path":
    # not imported at the head: pathlib takes as long as everything else that `--version` needs
    from pathlib import Path

    return Path(path)


# Of every verb.
COMMON: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--json", {"action": "store_true", "help": "answer in JSON"}),
    ("--root", {"type": _directory, "metavar": "DIR", "help": "a router as a directory instead of this one"}),
)


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
        for flag, words in (*COMMON, *verb.arguments):
            sub.add_argument(flag, **words)
    return top


def _given(argv: list[str]) -> "Namespace":
    """The parsed command line; an unknown verb or option is named with the one that is close to it, and ends here."""
    line = parser()
    verbs = (*VERBS, "firewall")
    word = next(iter(argv), "")
    if word and not word.startswith("-") and word not in VERBS:
        line.error(f"{_hinted(word, verbs)} is no verb: use {', '.join(verbs)}")
    given, unknown = line.parse_known_args(argv)
    if unknown:
        flags = [flag for flag, _ in (*VERBS[given.verb].arguments, *COMMON) if flag.startswith("-")]
        line.error(f"{_hinted(unknown[0].partition('=')[0], flags)} is not an option or argument of {given.verb}")
    return given


def _hinted(word: str, known: "Iterable[str]") -> str:
    from offload.model.shown import shown
    from offload.model.similar import did_you_mean

    return f"'{shown(word)}'{did_you_mean(word, known)}"


def main(argv: list[str]) -> int:
    """Run one verb; every refusal is one sentence on stderr (or in JSON) and an exit code."""
    given = _given(argv)
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
