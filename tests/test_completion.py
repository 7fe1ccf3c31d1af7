"""The completion for bash offers what the command takes, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from offload.cli.command import _arguments
from offload.cli.verbs import VERBS

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
        (("firewall", ""), {"print", "check"}),
        (("reload", ""), set()),
    ],
)
def test_what_stands_behind_a_verb_is_offered(words: tuple[str, ...], found: set[str]) -> None:
    assert offered(*words) == found
