"""`offload firewall network|device|zone`: answers for scripts, from the file that the last load wrote."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from offload.errors import FileError
from offload.service.firewall.state import Json, devices_of_zone, zone_of_device, zone_of_network
from offload.system.files.private_file import PrivateFile

STATE = Path("/var/run/offload/firewall.json")
FOUND, NOT_FOUND = 0, 1


def lookup(verb: str, words: Sequence[str], state: Path = STATE) -> int:
    """Print the zone of a network or device (`words`: its name), or the devices of a zone, one name on a line.

    For a zone `words` are its name, and a device if only that one is to be printed. Gives exit code 1 if no zone
    is found, or the zone does not have that device; nothing is printed then. FileError if no firewall is loaded, or the
    file cannot be read. `state`: path of the file.
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
    """The zones of the loaded firewall from the file `state`, as JSON objects with name, networks and devices.

    FileError if no firewall is loaded (there is no file), or the file cannot be read or is malformed.
    """
    content = PrivateFile(state).read()
    if content is None:
        raise FileError("no firewall is loaded: start it (/etc/init.d/firewall start)")
    try:
        return list(json.loads(content)["zones"])
    except (ValueError, LookupError, TypeError) as error:
        raise FileError(f"{state} cannot be read: load the firewall again (/etc/init.d/firewall reload)") from error
