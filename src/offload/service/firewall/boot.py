"""The files for the next start: of the service (the last load), and of the router (a ruleset that needs no Python).

The ruleset must load on a system that has just started: without a flowtable, conntrack helpers, and the contents of
files that ipsets load, which may be long and change every day. It includes the nft files of users and packages; the
script that loads it leaves out those that are not there, and all of them if nft refuses the rest. To spare flash the
file is written only if its `heading` changes.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from offload import __version__
from offload.config.fw4.options.fw4_values import plain_device
from offload.errors import OffloadError
from offload.model.kernel.nft import Chain, Include, Ruleset
from offload.model.sections.firewall import RouterNetwork
from offload.model.text.octets import as_bytes
from offload.nft.text import ruleset_text
from offload.nouns import dataclass, field
from offload.service.doors import FirewallDoors
from offload.service.firewall.blame import LeftOut, Matching, without_files
from offload.service.firewall.inputs import Inputs, compiled

HEADER = "# configuration "
HEADER_LINES = 2
CONTENT = """\
# It has the sections of /etc/config/firewall, and as they were when it was written: those that protocols of netifd and
# services of procd hand over (ubus network.interface dump, service get_data), and addresses of networks. Where only
# these change, it is not written anew. It lacks flow offload, conntrack helpers, entries of sets that are in files, and
# what nft refused.
"""


@dataclass(slots=True)
class NextStart:
    """What the files for the next start are to have after the last load, and whether they have it."""

    unkept: str = ""  # why a file could not be written; empty: none waits
    networks: Mapping[str, RouterNetwork] = field(default_factory=dict)  # at the next boot, also those that are down
    _state: bytes = b""  # that the file about the last load is to have
    _written: bytes = b""  # that it has
    _boot: tuple[Inputs, LeftOut, str] | None = None  # from which to write the ruleset; None: it is written

    def note(self, state: bytes) -> None:
        """Let the next `write` give the file about the last load this content."""
        self._state = state

    def note_boot(self, inputs: Inputs, left_out: LeftOut, configuration: str) -> None:
        """Let the next `write` write the ruleset for the next boot; arguments as in `boot_text`."""
        self.networks = with_devices(self.networks, inputs.networks)
        self._boot = inputs._replace(networks=self.networks), left_out, configuration

    def write(self, doors: FirewallDoors) -> None:
        """Write what was noted and is not written yet. Nothing is raised: if that fails, `unkept` has the cause."""
        try:
            if self._state != self._written:
                doors.loaded.write(self._state)
                self._written = self._state
            if self._boot is not None:
                _write_boot(doors, *self._boot)
                self._boot = None
        except OffloadError as refusal:
            self.unkept = f"the firewall is loaded, but its next start will not know it: {refusal}"
        else:
            self.unkept = ""

    def stopped(self) -> "NextStart":
        """The one after a stop, which removes the file about the last load: nothing waits to be written."""
        return NextStart(networks=self.networks)


def boot_text(inputs: Inputs, left_out: LeftOut, matching: Matching, configuration: str) -> bytes:
    """The content of the ruleset file for the next boot: the two lines of `heading`, CONTENT, the ruleset as nft text.

    `left_out`: sections and nft files that nft refuses. `matching`: gives the files that match the pattern of an
    include. `configuration`: the hash of the configuration files. The ruleset has no flowtables, conntrack helpers or
    set elements from files.
    """
    bare = inputs._replace(
        set_files=dict.fromkeys(inputs.set_files, ()), helpers=(), lower=dict.fromkeys(inputs.lower, ())
    )
    ruleset = without_files(_plain(compiled(bare, left_out.sections).ruleset), left_out.files, matching)
    return as_bytes(f"{heading(inputs, left_out, matching, configuration)}{CONTENT}{ruleset_text(ruleset)}")


def heading(inputs: Inputs, left_out: LeftOut, matching: Matching, configuration: str) -> str:
    """The first two lines, in ASCII: `# configuration HASH`, and `# offload VERSION,` with more words.

    These are: `sections:HASH` of /etc/config/firewall as compiled, which may be older than `configuration`; `refused:`
    with `none` or a HASH that differs if other sections or files are left out, or if a folder that has one of them has
    other nft files (the ruleset then includes these one by one); `devices:` and those of all networks but one that is
    down and may have another device, a tunnel's, when it is up; `files:` and a HASH for the path of each include
    section and file of a package that is not left out. These HASHes have 8 digits.
    """
    known = (each for each in inputs.networks.values() if each.up or each.device != each.physical)
    devices = sorted({each.device for each in known if each.device})
    files = sorted((inputs.includes | {path for _, _, path in inputs.installed}) - left_out.files)
    words = [f"sections:{_hash(inputs.sections)}", f"refused:{_refused(left_out, matching)}"]
    words += ["devices:", *devices, "files:", *map(_hash, files)]
    return f"{HEADER}{configuration}\n# offload {__version__}, {' '.join(words)}\n"


def heading_of(content: bytes | None) -> str:
    """The first two lines of the ruleset file for the next boot; empty if there is no file (None)."""
    return b"".join((content or b"").splitlines(keepends=True)[:HEADER_LINES]).decode(errors="replace")


def with_devices(before: Mapping[str, RouterNetwork], now: Mapping[str, RouterNetwork]) -> dict[str, RouterNetwork]:
    """The networks of `now`; tunnels that are down keep their device of `before`.

    A tunnel's device (`pppoe-wan`) exists only while the tunnel is up; without its name the zone would match nothing. A
    network with another protocol than in `before` is another one: its only device may be the physical one.
    """
    return {name: _with_device(before.get(name, each), each) for name, each in now.items()}


def written(networks: Mapping[str, RouterNetwork]) -> dict[str, tuple[str, ...]]:
    """What a service keeps of its networks for the next service, for JSON: {name: (device, physical, proto)}."""
    return {name: (each.device, each.physical, each.proto) for name, each in networks.items()}


def read_back(kept: Any) -> dict[str, RouterNetwork]:
    """The networks of what `written` made, without zones and addresses.

    A network is left out if nft text cannot have its devices. AttributeError, TypeError or ValueError for other JSON.
    """
    found = ((name, RouterNetwork(device, physical, str(proto))) for name, (device, physical, proto) in kept.items())
    return {name: each for name, each in found if _is_device(each.device) and _is_device(each.physical)}


def _is_device(name: str) -> bool:
    return name == "" or plain_device(name)


def _write_boot(doors: FirewallDoors, inputs: Inputs, left_out: LeftOut, configuration: str) -> None:
    matching = doors.files.matching
    try:
        written = heading_of(doors.boot.read())
    except OffloadError:  # the file is too large, or another user's: it is written anew
        written = ""
    if written != heading(inputs, left_out, matching, configuration):
        doors.boot.write(boot_text(inputs, left_out, matching, configuration))


def _refused(left_out: LeftOut, matching: Matching) -> str:
    # a word that is new both if a part is left out and if it is back, as the script looks for new words only
    if left_out == LeftOut():
        return "none"
    folders = sorted({path.rpartition("/")[0] for path in left_out.files})
    beside = [each for folder in folders for each in matching(f"{folder}/*.nft")]
    return _hash((sorted(left_out.sections), sorted(left_out.files), beside))


def _hash(value: object) -> str:
    # The name of a file may have bytes that are not UTF-8; repr escapes them, so that the text can be encoded.
    return sha256(repr(value).encode()).hexdigest()[:8]


def _with_device(before: RouterNetwork, now: RouterNetwork) -> RouterNetwork:
    down = not now.up and now.proto == before.proto
    return now._replace(device=before.device) if down and before.device not in {"", before.physical} else now


def _plain(ruleset: Ruleset) -> Ruleset:
    # without flowtables, the rules that use them, and helpers
    chains = tuple(_without_flows(each) for each in ruleset.table.chains)
    return ruleset._replace(table=ruleset.table._replace(chains=chains, flowtables=(), helpers=()))


def _without_flows(chain: Chain) -> Chain:
    return chain._replace(
        rules=tuple(each for each in chain.rules if isinstance(each, Include) or not each.verdict.startswith("flow "))
    )
