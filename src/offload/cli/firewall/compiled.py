"""Read the inputs of the firewall and compile it: on this router, or from a router directory."""

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
from offload.system.firewall_files import FirewallFiles
from offload.system.ubus.procd import DATA, firewall_data


def compiled(root: Path | None) -> tuple[Ruleset, tuple[FirewallProblem, ...], tuple[Section, ...]]:
    """Read a router and compile its firewall: the ruleset, the problems, and the sections it comes from."""
    found, sections = read(root)
    return found.ruleset, found.problems, sections


def read(root: Path | None) -> tuple[Compiled, tuple[Section, ...]]:
    """Read a router: the inputs of the firewall, and its zones."""
    found = read_inputs(root, FirewallFiles(root or Path("/")))
    return inputs.compiled(found), tuple(found.sections)


def read_inputs(root: Path | None, files: FirewallFiles) -> inputs.Inputs:
    """Read what the firewall is compiled from."""
    sections = files.sections("firewall")
    snapshot: dict[str, Any] = {} if root is None else files.snapshot()
    ubus = _asked() if root is None else snapshot.get("ubus", {})
    dump, data = ubus.get(netifd.DUMP), ubus.get(DATA)
    modules = files.modules() | frozenset(snapshot.get("kernel", {}).get("modules", ()))
    lower, installed = _devices(snapshot) or files.devices(), _installed(snapshot) or files.installed()
    return inputs.read(sections, dump, data, files, modules, lower, installed)


def _asked() -> dict[str, Any]:
    """The replies of netifd (networks) and procd (services); a BusError if netifd does not answer."""
    from offload.system.ubus.client import UbusClient

    bus, found = UbusClient(), dict[str, Any]()
    found[netifd.DUMP] = bus.call("network.interface", "dump")
    with suppress(BusError):  # without an answer of procd: no rules of services
        found[DATA] = firewall_data(bus)
    return found


def _devices(snapshot: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The devices of a router directory, each with those beneath it where it is a bridge or a VLAN.

    Where there are no `links`, netifd's device status names them.
    """
    links = snapshot.get("links") or netifd.links(snapshot.get("ubus", {}).get(netifd.DEVICES, {}))
    ports: dict[str, list[str]] = {}
    for each in links:
        if each.get("master"):
            ports.setdefault(each["master"], []).append(each["name"])
    kinds = {"bridge", "vlan"}
    return {
        each["name"]: (*(each.get("lower") or ()), *ports.get(each["name"], ())) if each.get("kind") in kinds else ()
        for each in links
    }


def _installed(snapshot: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """The nft files of a router directory: by place, and for chains by `place/chain`."""
    found = []
    for place, paths in snapshot.get("includes", {}).items():
        position, _, chain = place.partition("/")
        found += [(position, chain, path) for path in paths]
    return tuple(found)
