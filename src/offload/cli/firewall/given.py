"""The command line of `offload firewall`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

DONE, FAILED, USAGE, PROBLEMS = 0, 1, 2, 3
HELP = """\
usage: offload firewall [-q] VERB

  print [--explain] [--root DIR]   the ruleset as nft text
  check [--root DIR]               the problems of the configuration
  diff                             what a reload would change in the kernel
  trace [--src ZONE] [--dest ZONE] [--src-ip IP] [--dest-ip IP] [--src-port N]
        [--dest-port N] [--proto P] [--src-mac MAC] [--root DIR]
                                   the rules that decide about a connection
  start                            load the firewall, unless it is loaded
  reload                           load it anew, unless it was stopped
  restart                          load it in any case; at no time there is none
  update                           load what changed: networks, files
  reload-sets                      give the ipsets the configured elements
  stop                             take it away, on purpose
  flush                            stop, and delete all other nft tables
  network NET                      the zone of a network of netifd
  device DEV                       the zone of a device
  zone ZONE [DEV]                  the devices of a zone, or DEV if it has it

  -q          nothing on stderr, but for a command line that makes no sense
  --explain   name the section and line that each rule comes from
  --root DIR  a router as a directory instead of this one
"""
# How many arguments a verb takes: least and most.
WORDS = {
    **dict.fromkeys(
        ("print", "check", "diff", "trace", "start", "reload", "restart", "update", "reload-sets", "stop", "flush"),
        (0, 0),
    ),
    **dict.fromkeys(("network", "device"), (1, 1)),
    "zone": (1, 2),
}
OF_DIRECTORIES = frozenset({"print", "check", "trace"})  # verbs that take --root
OF_EXPLAINED = frozenset({"print"})  # verbs that take --explain
ABOUT = {  # options of `trace`, and what the usage calls their values
    **dict.fromkeys(("src", "dest"), "ZONE"),
    **dict.fromkeys(("src-ip", "dest-ip"), "IP"),
    **dict.fromkeys(("src-port", "dest-port"), "N"),
    "proto": "P",
    "src-mac": "MAC",
}
VALUES = {"--root": "DIR"} | {f"--{each}": value for each, value in ABOUT.items()}
OPTIONS = ("-q", "--explain", "--help", *VALUES)
NAMES = {"network": "NET", "device": "DEV", "zone": "ZONE [DEV]"}  # arguments of verbs, as in the usage
IGNORED = frozenset({"-v"})  # fw4 uses it to show the rules that nft adds


def usage() -> str:
    """The text of HELP, folded at the width of the terminal (80 without one)."""
    from offload.cli.terminal import DEFAULT, width
    from offload.status.text.layout import folded

    columns = width(DEFAULT)
    return "".join(f"{part}\n" for line in HELP.splitlines() for part in folded(line, columns) or [""])


class Given(NamedTuple):
    """The command line of `offload firewall`, parsed."""

    verb: str  # the first word: print, check, reload and so on
    words: tuple[str, ...] = ()  # the verb's arguments
    root: Path | None = None  # --root: a directory with a router's files; None: this router
    explain: bool = False  # --explain
    quiet: bool = False  # -q
    # of `trace`: the values of its options, by name without `--`, such as `dest-port`
    about: Mapping[str, str] = MappingProxyType({})


def parsed(argv: Sequence[str]) -> Given:
    """Parse a command line. `argv`: the words after `offload firewall`.

    ValueError if it is not valid; its text is a line for stderr, with a newline. Also ValueError, with an empty text,
    for `--help`.
    """
    rest = iter(argv)
    words: list[str] = []
    explain, quiet = False, False
    about: dict[str, str] = {}
    for word in rest:
        option, equals, value = word.partition("=")
        if word == "--explain":
            explain = True
        elif word == "-q":
            quiet = True
        elif option in VALUES:
            about[option[2:]] = _value(option, value if equals else next(rest, ""))
        elif word in {"-h", "--help"}:
            raise ValueError
        elif word.startswith("-") and word not in IGNORED:
            raise ValueError(_bad_option(option))
        elif word not in IGNORED:
            words.append(word)
    root = about.pop("root", None)
    return _checked(words, Given("", (), None if root is None else Path(root), explain, quiet, about))


def _value(option: str, value: str) -> str:
    # The next word may be an option, if the value was forgotten: no value begins with `-`, as argparse has it for the
    # other verbs.
    if not value or value.startswith("-"):
        raise ValueError(_bad_option(option))
    return value


def _bad_option(option: str) -> str:
    # a word with `=` or without is no option, or one whose value is missing, or has one that it does not take
    if option in VALUES:
        return f"offload: '{option}' needs a value: {option} {VALUES[option]}\n"
    if option in OPTIONS:
        return f"offload: '{option}' takes no value\n"
    return _not_understood(option, OPTIONS)


def _not_understood(word: str, known: Iterable[str]) -> str:
    # imported late, because scripts call these verbs often
    from offload.model.text.shown import shown
    from offload.model.text.similar import did_you_mean

    return f"offload: '{shown(word)}'{did_you_mean(word, known)} is not understood here\n"


def _checked(words: Sequence[str], given: Given) -> Given:
    if not words:
        raise ValueError("offload: which verb of 'firewall'?\n")
    verb, *names = words
    if verb not in WORDS:
        raise ValueError(_not_understood(verb, WORDS))
    least, most = WORDS[verb]
    if len(names) < least:
        raise ValueError(f"offload: '{verb}' needs a name: offload firewall {verb} {NAMES[verb]}\n")
    if len(names) > most:
        raise ValueError(f"offload: '{verb}' takes no more words\n")
    if given.root is not None and verb not in OF_DIRECTORIES:
        raise ValueError(f"offload: '{verb}' needs the running router, and --root names a directory\n")
    if given.explain and verb not in OF_EXPLAINED:
        raise ValueError(f"offload: '{verb}' takes no --explain: offload firewall print --explain\n")
    if given.about and verb != "trace":
        raise ValueError(f"offload: '{verb}' takes no --{next(iter(given.about))}\n")
    return given._replace(verb=verb, words=tuple(names))
