"""The ruleset that the router loads at its next boot, before Python runs. Pure.

It must load on a system that has just started: without a flowtable, conntrack helpers, and the contents of files that
ipsets load, which may be long and change every day. It includes the nft files of users and packages; the script that
loads it leaves out those that are not there, and all of them if nft refuses the rest. To spare flash the file is
written only if its `heading` changes.
"""

from collections.abc import Mapping

from offload import __version__
from offload.model.kernel.nft import Chain, Include, Ruleset
from offload.model.sections.firewall import RouterNetwork
from offload.nft.text import ruleset_text
from offload.service.firewall.blame import LeftOut, Matching, without_files
from offload.service.firewall.inputs import Inputs, compiled

HEADER = "# configuration "
HEADER_LINES = 2


def boot_text(inputs: Inputs, left_out: LeftOut, matching: Matching, configuration: str) -> bytes:
    """The content of the ruleset file for the next boot: the two lines of `heading`, then the ruleset as nft text.

    `left_out`: sections and nft files that nft refuses. `matching`: gives the files that match the pattern of an
    include. `configuration`: the hash of the configuration files. The ruleset has no flowtables, conntrack helpers or
    set elements from files.
    """
    bare = inputs._replace(
        set_files=dict.fromkeys(inputs.set_files, ()), helpers=(), lower=dict.fromkeys(inputs.lower, ())
    )
    ruleset = without_files(_plain(compiled(bare, left_out.sections).ruleset), left_out.files, matching)
    return f"{heading(inputs, left_out, configuration)}{ruleset_text(ruleset)}".encode()


def heading(inputs: Inputs, left_out: LeftOut, configuration: str) -> str:
    """The first two lines of the file: `# configuration HASH`, `# offload VERSION, devices: ... files: ...`.

    The devices are those of all networks, the files those of include sections and packages that are not left out.
    """
    devices = sorted({each.device for each in inputs.networks.values() if each.device})
    files = sorted((inputs.includes | {path for _, _, path in inputs.installed}) - left_out.files)
    return f"{HEADER}{configuration}\n# offload {__version__}, devices: {' '.join([*devices, 'files:', *files])}\n"


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


def _plain(ruleset: Ruleset) -> Ruleset:
    # without flowtables, the rules that use them, and helpers
    chains = tuple(_without_flows(each) for each in ruleset.table.chains)
    return ruleset._replace(table=ruleset.table._replace(chains=chains, flowtables=(), helpers=()))


def _without_flows(chain: Chain) -> Chain:
    return chain._replace(
        rules=tuple(each for each in chain.rules if isinstance(each, Include) or not each.verdict.startswith("flow "))
    )
