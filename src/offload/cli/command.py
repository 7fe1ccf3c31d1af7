"""The command `offload`: parse the command line, run a verb, and print its Answer as text or as JSON."""

import sys
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from offload import __version__
from offload.cli.answer import Answer, Exit
from offload.cli.router import Router
from offload.cli.terminal import DEFAULT, width
from offload.cli.verbs import VERBS, Verb
from offload.errors import OffloadError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable
    from pathlib import Path


def _directory(path: str) -> "Path":
    # imported late: pathlib takes as long as everything else that `--version` needs
    from pathlib import Path

    return Path(path)


JSON: tuple[str, dict[str, Any]] = ("--json", {"action": "store_true", "help": "answer in JSON"})
ONE_VALUE = {"help", "metavar", "default"}  # keywords of argparse of an option with one value, taken as it is
ROOT: tuple[str, dict[str, Any]] = (
    "--root",
    {"type": _directory, "metavar": "DIR", "help": "a router as a directory instead of this one"},
)


def _arguments(verb: Verb) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (JSON, *((ROOT,) if verb.rooted else ()), *verb.arguments)


def parser(only: str = "") -> "ArgumentParser":
    """Make the parser of the command line, from VERBS. `only`: the one verb that it knows; empty: all.

    The parser raises SystemExit: with code 2 for a command line that it refuses, with 0 for `--version` and `--help`.
    """
    import argparse

    # A parser for one verb is made ten times as fast.
    # With a width of its own argparse does not import shutil, which takes as long as argparse.
    formatter = partial(argparse.HelpFormatter, width=width(DEFAULT) - 2)
    top = argparse.ArgumentParser(
        prog="offload",
        formatter_class=formatter,
        description="Flow offload per zone, and why not. Without a verb: a short status.",
        epilog="offload VERB --help shows what a verb takes, offload firewall --help the verbs of the whole firewall.",
    )
    top.add_argument("--version", action="version", version=f"offload {__version__}")
    verbs = top.add_subparsers(prog=top.prog, dest="verb", required=True, metavar="VERB")
    for name, verb in VERBS.items() if not only else ((only, VERBS[only]),):
        sub = verbs.add_parser(name, help=verb.help, description=verb.help, formatter_class=formatter)
        for flag, words in _arguments(verb):
            sub.add_argument(flag, **words)
    return top


def _given(argv: list[str]) -> "Namespace":
    # argparse ends the process with exit code 2 for an unknown verb or option
    verbs = (*VERBS, "firewall")
    word = next(iter(argv), "")
    if plain := _plain(argv):
        return plain
    line = parser(word if word in VERBS else "")
    if word.startswith("-") and word != "--version":
        line.error(_misplaced(argv))
    if word and word not in (*VERBS, "--version"):
        line.error(f"{_hinted(word, verbs)} is no verb: use {', '.join(verbs)}")
    given, unknown = line.parse_known_args(argv)
    if unknown and unknown[0].partition("=")[0] == ROOT[0]:
        line.error(f"{given.verb} works on the running router alone, so it takes no {ROOT[0]}; {_rooted()} do")
    if unknown:
        flags = [flag for flag, _ in _arguments(VERBS[given.verb]) if flag.startswith("-")]
        hint = _hinted(unknown[0].partition("=")[0], flags)
        line.error(f"{hint} is not an option or argument of {given.verb}: see offload help {given.verb}")
    return given


def _misplaced(argv: list[str]) -> str:
    # the command line begins with an option: where that belongs, or which verbs have it
    option = argv[0].partition("=")[0]
    if option == ROOT[0]:
        return f"{option} DIR comes after the verb: offload check {option} DIR; {_rooted()} take it"
    if option == JSON[0]:
        return f"{option} comes after the verb: offload status {option}"
    return f"{_hinted(option, ('--version', '--help'))} is no verb: options come after the verb"


def _rooted() -> str:
    return ", ".join((*(name for name, verb in VERBS.items() if verb.rooted), "firewall print, check and trace"))


def _plain(argv: list[str]) -> "Namespace | None":
    # A verb with options as its help names them: most calls are such, and without argparse they take a third less
    # time. Gives None for a command line that argparse has to parse, or to refuse.
    verb = VERBS.get(argv[0]) if argv else None
    needed = verb and any(not flag.startswith("-") and words.get("nargs") != "?" for flag, words in verb.arguments)
    if verb is None or needed:
        return None
    options = {flag: words for flag, words in (JSON, *verb.arguments) if flag.startswith("-")}
    given = {_attribute(flag): _default(words) for flag, words in (JSON, *verb.arguments)}
    rest = iter(argv[1:])
    for flag in rest:
        words = options.get(flag, {})
        if words.get("action") == "store_true":
            given[_attribute(flag)] = True
            continue
        value = next(rest, "")
        if not words or not words.keys() <= ONE_VALUE or not value or value.startswith("-"):
            return None
        given[_attribute(flag)] = value
    return cast("Namespace", SimpleNamespace(**given, verb=argv[0], root=None))


def _attribute(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _default(words: dict[str, Any]) -> Any:
    # as argparse has it; `words`: the argument's keywords of argparse
    return words.get("default", False if words.get("action") == "store_true" else None)


def _helped(argv: list[str]) -> list[str]:
    # `-h` becomes `help VERB`, so that the help is printed here: argparse ignores errors of printing
    if not {"-h", "--help"} & set(argv[:2]):
        return argv
    return ["help", *(word for word in argv[:1] if word in VERBS)]


def _hinted(word: str, known: "Iterable[str]") -> str:
    from offload.model.text.shown import shown
    from offload.model.text.similar import did_you_mean

    return f"'{shown(word)}'{did_you_mean(word, known)}"


def main(argv: list[str]) -> int:
    """Run the verb of a command line, print its Answer, and give the exit code.

    `argv`: the words after `offload`; without any the verb is a short `status`. An OffloadError of the verb is printed
    as a sentence on stderr (with --json as `{"ok": false, "error": SENTENCE}` on stdout); the exit code is USAGE for a
    UsageError, else FAILED. SystemExit for a command line that is refused (code 2), or where argparse prints the
    version or a help (code 0). OSError if stdout or stderr cannot be written.
    """
    given = _given(_helped(argv) or ["status"])
    given.short = not argv
    try:
        answer = VERBS[given.verb].run(Router(getattr(given, "root", None)), given)
    except OffloadError as refusal:
        sentence = str(refusal)
        code = Exit.USAGE if isinstance(refusal, UsageError) else Exit.FAILED
        answer = Answer("", {"ok": False, "error": sentence}, code, (sentence,))
    if answer.written:
        write_pieces(answer.written(given.json, width()))
    elif given.json:
        import json

        print(json.dumps(answer.data, indent=1))
    elif answer.text:
        print(answer.text)
    for note in () if given.json else answer.notes:
        print(f"offload: {note}", file=sys.stderr)
    return answer.code


def write_pieces(pieces: "Iterable[str]") -> None:
    """Print each piece on stdout as soon as it is made, with a newline. OSError if stdout cannot be written."""
    for piece in pieces:
        sys.stdout.write(f"{piece}\n")


def show_help(_: Router, given: "Namespace") -> Answer:
    """The verb `help`. `given.about`: the verb whose arguments to show; None: show the list of verbs.

    UsageError if there is no such verb.
    """
    if given.about is None:
        text = parser().format_help()
    elif given.about == "firewall":
        from offload.cli.firewall.given import usage

        text = usage()
    elif given.about in VERBS:
        import argparse

        verb = VERBS[given.about]
        line = argparse.ArgumentParser(prog=f"offload {given.about}", description=verb.help)
        for flag, words in _arguments(verb):
            line.add_argument(flag, **words)
        text = line.format_help()
    else:
        raise UsageError(f"{_hinted(given.about, VERBS)} is no verb: use {', '.join((*VERBS, 'firewall'))}")
    return Answer(text.rstrip("\n"), {"ok": True, "help": text})


def show_version(_router: Router, _given: "Namespace") -> Answer:
    """The verb `version`: show the version of this package. The arguments are not used."""
    return Answer(f"offload {__version__}", {"ok": True, "version": __version__})
