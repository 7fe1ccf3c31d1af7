"""`offload firewall network|device|zone`: zones and their devices, from the file that the last load wrote."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offload.errors import FileError
from offload.service.firewall.state import Json, devices_of_zone, zone_of_device, zone_of_network
from offload.system.files.private_file import PrivateFile

STATE = Path("/var/run/offload/firewall.json")
FOUND, NOT_FOUND = 0, 1


def lookup(verb: str, words: Sequence[str], state: Path = STATE) -> int:
    """Print names, one on a line, and give exit code 0; or 1, and nothing printed, if the zones have no such name.

    `verb` `network` or `device`: the zone of the network or device whose name is in `words`. `verb` `zone`: the devices
    of the zone `words[0]`; with a second word this device, if the zone has it. `state`: path of the file with the
    zones. FileError if there is no such file (no firewall is loaded), or it cannot be read.
    """
    zones = read(state)
    found: list[str] | None
    if verb == "zone":
        found = devices_of_zone(zones, *words)
    else:
        found = (zone_of_network if verb == "network" else zone_of_device)(zones, words[0]) or None
    sys.stdout.write("".join(f"{line}\n" for line in found or ()))
    return NOT_FOUND if found is None else FOUND


def read(state: Path) -> list[Json]:
    """The zones of the loaded firewall: `[{"name": NAME, "networks": [NAME, ...], "devices": [NAME, ...]}, ...]`.

    `state`: path of the file with them. FileError if there is no such file (no firewall is loaded), or it cannot be
    read or is malformed.
    """
    content = PrivateFile(state).read()
    if content is None:
        raise FileError("no firewall is loaded: start it (/etc/init.d/firewall start)")
    try:
        return [_zone(each) for each in json.loads(content)["zones"]]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise FileError(f"{state} cannot be read: load the firewall again (/etc/init.d/firewall reload)") from error


def _zone(kept: Any) -> Json:
    parts = [[kept["name"]], kept["networks"], kept["devices"]]
    if not all(isinstance(part, list) and all(isinstance(each, str) for each in part) for part in parts):
        raise TypeError
    if not all(each.isprintable() for each in (kept["name"], *kept["devices"])):  # these are printed
        raise ValueError
    return dict(kept)
