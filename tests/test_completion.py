"""The completion for bash offers what the command takes, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from offload.cli.command import _arguments
from offload.cli.firewall import given
from offload.cli.verbs import VERBS
from offload.config.fw4.options.fw4_values import protocol

SCRIPT = Path(__file__).parent.parent / "files/usr/share/bash-completion/completions/offload"
UCI = """
uci() {
	case "$*" in
		*"show firewall") printf '%s\\n' firewall.z1=zone firewall.z1.name=x firewall.z2=zone firewall.f=forwarding ;;
		*"show offload") printf '%s\\n' offload.tv=exempt offload.tv.name=x 'offload.@exempt[1]=exempt' ;;
		*z1.name) echo lan ;;
		*z2.name) echo guest ;;
	esac
}
"""


def offered(*words: str) -> set[str]:
    """What bash offers for the last word; `uci` knows the zones lan and guest."""
    listed = " ".join(f"'{word}'" for word in ("offload", *words))
    program = (
        f'{UCI}\nsource {SCRIPT}\nCOMP_WORDS=({listed})\nCOMP_CWORD={len(words)}\n_offload\necho "${{COMPREPLY[@]}}"'
    )
    return set(subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True).stdout.split())


def test_every_verb_is_offered() -> None:
    assert offered("") == {*VERBS, "firewall"} == offered("help", "")
    assert offered("sta") == {"status"}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_option_of_a_verb_is_offered(verb: str) -> None:
    flags = {flag for flag, _ in _arguments(VERBS[verb]) if flag.startswith("-")}
    assert offered(verb, "-") == flags | {"--help"}


@pytest.mark.parametrize("verb", sorted(given.WORDS))
def test_a_verb_of_the_firewall_is_offered_the_options_that_it_takes(verb: str) -> None:
    names = ["name"] * given.WORDS[verb][0]

    def taken(option: str) -> bool:
        try:
            given.parsed([verb, *names, option, *(["value"] if option in given.VALUES else [])])
        except ValueError as refusal:
            return not str(refusal)  # --help
        return True

    assert offered("firewall", verb, "-") == {each for each in given.OPTIONS if taken(each)}


def test_the_protocols_that_are_offered_for_a_trace_are_valid() -> None:
    for word in offered("firewall", "trace", "--proto", ""):
        assert len(protocol(word) or ()) == 1
    assert offered("exempt", "add", "--proto", "") == {"tcp", "udp", "tcpudp", "gre", "all"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("status", ""), {"lan", "guest"}),
        (("set", "l"), {"lan"}),
        (("set", "lan", ""), {"none", "software", "hardware"}),
        (("pair", "lan", "wan", "h"), {"hardware"}),
        (("flows", "--zone", ""), {"lan", "guest"}),
        (("flows", "--state", "s"), {"slow", "software"}),
        (("exempt", ""), {"add", "delete", "list"}),
        (("exempt", "delete", ""), {"tv", "@exempt[1]"}),
        (("exempt", "add", ""), set()),
        (("firewall", ""), set(given.WORDS)),
        (("firewall", "zone", ""), {"lan", "guest"}),
        (("firewall", "reload", ""), set()),
        (("reload", ""), set()),
    ],
)
def test_what_stands_behind_a_verb_is_offered(words: tuple[str, ...], found: set[str]) -> None:
    assert offered(*words) == found
