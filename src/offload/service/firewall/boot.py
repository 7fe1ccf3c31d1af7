"""The ruleset that the router loads at its next start, before Python runs. Pure.

It must load on a system that has just started: no flowtable, no conntrack helpers, no files of others, no contents of
files that ipsets load. Its first line has the hash of the configuration it was made from.
"""

from offload.model.nft import Chain, Include, Ruleset
from offload.nft.text import ruleset_text
from offload.service.firewall.inputs import Inputs, compiled

HEADER = "# configuration "


def boot_text(inputs: Inputs, left_out: frozenset[str], configuration: str) -> bytes:
    """The file; `configuration` is the hash of the configuration files."""
    bare = inputs._replace(
        set_files=dict.fromkeys(inputs.set_files, ()),
        helpers=(),
        includes=frozenset(),
        installed=(),
        lower=dict.fromkeys(inputs.lower, ()),
    )
    ruleset = without_files(compiled(bare, left_out).ruleset)
    return f"{HEADER}{configuration}\n{ruleset_text(ruleset)}".encode()


def configuration_of(content: bytes | None) -> str:
    """The hash in a file's first line; empty where there is none."""
    line = (content or b"").partition(b"\n")[0].decode(errors="replace")
    return line.removeprefix(HEADER) if line.startswith(HEADER) else ""


def without_files(ruleset: Ruleset) -> Ruleset:
    """The ruleset of the table alone, without a flowtable and without any file of others."""
    chains = tuple(_plain(each) for each in ruleset.table.chains)
    return Ruleset(ruleset.table._replace(chains=chains, before=(), after=(), flowtables=(), helpers=()))


def _plain(chain: Chain) -> Chain:
    rules = (each for each in chain.rules if not isinstance(each, Include))
    return chain._replace(rules=tuple(each for each in rules if not each.verdict.startswith("flow ")))
