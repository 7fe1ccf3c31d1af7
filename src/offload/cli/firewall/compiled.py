"""Read what the firewall is compiled from, and compile it, for this router or for one in a directory."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from offload.compiler.firewall.ruleset import Compiled
from offload.errors import BusError
from offload.model.kernel.nft import Ruleset
from offload.model.problems.firewall_problem import FirewallProblem
from offload.model.sections.section import Section
from offload.service.firewall import inputs
from offload.system import netifd
from offload.system.firewall_files import STACKED, FirewallFiles
from offload.system.ubus.procd import DATA, firewall_data


def compiled(root: Path | None) -> tuple[Ruleset, tuple[FirewallProblem, ...], tuple[Section, ...]]:
    """Compile /etc/config/firewall: (ruleset, problems of the configuration, sections of the file).

    `root`: a directory with a router's files; None: this router. FileError if the configuration or the directory cannot
    be read, BusError if netifd cannot.
    """
    found, sections = read(root)
    return found.ruleset, found.problems, sections


def read(root: Path | None) -> tuple[Compiled, tuple[Section, ...]]:
    """Compile /etc/config/firewall: (a Compiled, which has ruleset, problems and zones; sections of the file).

    `root` and errors as of `compiled`.
    """
    found = read_inputs(root, FirewallFiles(root or Path("/")))
    return inputs.compiled(found), tuple(found.sections)


def read_inputs(root: Path | None, files: FirewallFiles) -> inputs.Inputs:
    """Read what the firewall is compiled from: sections, netifd's and procd's replies, devices, modules, nft files.

    `root`: a directory with a router's files; None: this router. `files`: reads the files of that router. Errors as of
    `compiled`. If procd does not reply, the firewall rules of its services are missing.
    """
    sections = files.sections("firewall")
    snapshot: dict[str, Any] = {} if root is None else files.snapshot()
    ubus = _asked() if root is None else snapshot.get("ubus", {})
    dump, data = ubus.get(netifd.DUMP), ubus.get(DATA)
    modules = files.modules() | frozenset(snapshot.get("kernel", {}).get("modules", ()))
    lower, installed = _devices(snapshot, files), _installed(snapshot) or files.installed()
    return inputs.read(sections, dump, data, files, modules, lower, installed)


def _asked() -> dict[str, Any]:
    # replies by `OBJECT METHOD`
    from offload.system.ubus.client import UbusClient

    bus, found = UbusClient(), dict[str, Any]()
    found[netifd.DUMP] = bus.call("network.interface", "dump")
    with suppress(BusError):  # procd does not answer: without the rules of its services
        found[DATA] = firewall_data(bus)
    return found


def _devices(snapshot: dict[str, Any], files: FirewallFiles) -> dict[str, tuple[str, ...]]:
    # each device with those directly below it, for bridges and VLANs; from `links` of snapshot.json, else from netifd's
    # device status in it and /sys/class/net
    if links := snapshot.get("links"):
        return _stacks(links)
    status = netifd.links(snapshot.get("ubus", {}).get(netifd.DEVICES, {}))
    found = files.devices({each["name"]: each["kind"] for each in status})
    for name, lower in _stacks(status).items():
        found[name] = lower or found.get(name, ())
    return found


def _stacks(links: Iterable[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    ports: dict[str, list[str]] = {}
    for each in links:
        if each.get("master"):
            ports.setdefault(each["master"], []).append(each["name"])
    return {
        each["name"]: (*(each.get("lower") or ()), *ports.get(each["name"], ())) if each.get("kind") in STACKED else ()
        for each in links
    }


def _installed(snapshot: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    # (position, chain, path); the keys in snapshot.json are `POSITION[/CHAIN]`
    found = []
    for place, paths in snapshot.get("includes", {}).items():
        position, _, chain = place.partition("/")
        found += [(position, chain, path) for path in paths]
    return tuple(found)
