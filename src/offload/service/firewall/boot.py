"""The ruleset that the router loads at its next boot, before Python runs. Pure.

It must load on a system that has just started: without a flowtable, conntrack helpers, files of other packages, and the
contents of files that ipsets load. To spare flash the file is written only if its `heading` changes.
"""

from collections.abc import Mapping

from offload import __version__
from offload.model.kernel.nft import Chain, Include, Ruleset
from offload.model.sections.firewall import RouterNetwork
from offload.nft.text import ruleset_text
from offload.service.firewall.inputs import Inputs, compiled

HEADER = "# configuration "
HEADER_LINES = 2


def boot_text(inputs: Inputs, left_out: frozenset[str], configuration: str) -> bytes:
    """The content of the ruleset file for the next boot: the two lines of `heading`, then the ruleset as nft text.

    `left_out`: sections that nft refuses, by id or name as in LeftOut. `configuration`: the hash of the configuration
    files. The ruleset has no flowtables, conntrack helpers, includes of packages and users, or set elements from files.
    """
    bare = inputs._replace(
        set_files=dict.fromkeys(inputs.set_files, ()),
        helpers=(),
        includes=frozenset(),
        installed=(),
        lower=dict.fromkeys(inputs.lower, ()),
    )
    ruleset = without_files(compiled(bare, left_out).ruleset)
    return f"{heading(inputs, configuration)}{ruleset_text(ruleset)}".encode()


def heading(inputs: Inputs, configuration: str) -> str:
    """The first two lines of the file for the next boot: `# configuration HASH`, `# offload VERSION, devices: ...`.

    The devices are those of all networks.
    """
    devices = sorted({each.device for each in inputs.networks.values() if each.device})
    return f"{HEADER}{configuration}\n# offload {__version__}, devices: {' '.join(devices)}\n"


def heading_of(content: bytes | None) -> str:
    """The first two lines of the ruleset file for the next boot; empty if there is no file (None)."""
    return b"".join((content or b"").splitlines(keepends=True)[:HEADER_LINES]).decode(errors="replace")


def with_devices(before: Mapping[str, RouterNetwork], now: Mapping[str, RouterNetwork]) -> dict[str, RouterNetwork]:
    """The networks of `now`; those that are down (no device but the physical one) keep their tunnel device of `before`.

    A tunnel's device (`pppoe-wan`) exists only while the tunnel is up; without its name the zone would match nothing.
    """
    return {name: _with_device(before.get(name, each), each) for name, each in now.items()}


def _with_device(before: RouterNetwork, now: RouterNetwork) -> RouterNetwork:
    down = now.device in {"", now.physical}
    return now._replace(device=before.device) if down and before.device not in {"", before.physical} else now


def without_files(ruleset: Ruleset) -> Ruleset:
    """A copy of the ruleset's table alone, without flowtables and rules that use them, helpers, and included files."""
    chains = tuple(_plain(each) for each in ruleset.table.chains)
    return Ruleset(ruleset.table._replace(chains=chains, before=(), after=(), flowtables=(), helpers=()))


def _plain(chain: Chain) -> Chain:
    rules = (each for each in chain.rules if not isinstance(each, Include))
    return chain._replace(rules=tuple(each for each in rules if not each.verdict.startswith("flow ")))
