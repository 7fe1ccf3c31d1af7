"""Make an ipset, an include or a conntrack helper of the valid values of its section."""

from collections.abc import Mapping
from typing import Any

from offload.config.fw4 import set_entries
from offload.config.fw4.firewall_reading import Reading, Say
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import Helper, Include, IpSet, RouterNetwork
from offload.model.sections.match import Item

# The kernel allocates the buckets of a set for its whole size at once (nft_hash_estimate): 11 MB for so many elements.
MOST_ELEMENTS = 1 << 20
OLD_SCRIPT = "/etc/firewall.user"  # firewall3 sourced it; its iptables commands do harm today


def ipset(
    reading: Reading, say: Say, networks: Mapping[str, RouterNetwork], files: Mapping[str, tuple[str, ...]]
) -> IpSet | None:
    """The set of a section with the valid entries of `entry` and of file `loadfile`; None: its key is not valid.

    A key is not valid without option `match`, with type set, or with type ip or net for family any. `files`: {path:
    lines}; `networks`: {name: RouterNetwork}, which entries may name. Entries that are not valid, or overlap an earlier
    one in part, are left out. A `maxelem` below the number of entries is raised to it, and one above MOST_ELEMENTS
    (1048576) counts as none. Each such fault, and a loadfile that `files` lacks, becomes a problem by `say`.
    """
    values = reading.values
    match, family = values.get("match", ()), values.get("family", 4)
    kinds = {kind for _, kind in match}
    faults = {
        FirewallFault.NO_SET_TYPE: not match,
        FirewallFault.SET_TYPE: "set" in kinds,
        FirewallFault.SET_FAMILY: not family and bool(kinds & {"ip", "net"}),
    }
    for fault, holds in faults.items():
        if holds:
            say(fault, reading, "match")
            return None
    lines = values.get("entry", ())
    file = values.get("loadfile", "")
    if file and file not in files:
        say(FirewallFault.SET_FILE, reading, "loadfile", value=file)
    elements = []
    for line in (*lines, *files.get(file, ())):
        element = set_entries.element(line, match, family, networks)
        if element is None:
            say(FirewallFault.SET_ENTRY, reading, "entry", value=line)
        else:
            elements.append(element)
    good, overlapping = set_entries.apart(elements)
    for each in overlapping:
        shown = " ".join(value.text for value in each)
        say(FirewallFault.SET_OVERLAP, reading, "entry", value=shown)
    numbers = {name: values[name] for name in ("maxelem", "timeout", "comment") if name in values}
    if numbers.get("maxelem", 0) > MOST_ELEMENTS:
        del numbers["maxelem"]
        say(FirewallFault.NO_EFFECT, reading, "maxelem")
    if 0 < numbers.get("maxelem", 0) < len(set(good)):  # nft would refuse the set, and a ban would end
        numbers["maxelem"] = len(set(good))
        say(FirewallFault.SET_SIZE, reading, "maxelem", value=numbers["maxelem"])
    return IpSet(reading.origin, values["name"], match, family, elements=good, **numbers)


def include(reading: Reading, say: Say) -> Include | None:
    """The nft file that a section includes, or the script that it runs; None, with a problem by `say`: it is left out.

    Left out are a script with a position or chain, a script that is not for fw4, and a file at a chain's position
    without a chain. A chain for another position is ignored, with a problem. The file is not opened.
    """
    values = reading.values
    kind, path = values.get("type", "script"), values["path"]
    if kind == "script":
        if not values.get("fw4_compatible", path != OLD_SCRIPT):
            say(FirewallFault.NOT_FOR_FW4, reading)
            return None
        for option in ("chain", "position"):
            if option in values:
                say(FirewallFault.SCRIPT_POSITION, reading, option=option)
                return None
        return Include(reading.origin, path)
    position, chain = values.get("position", "table-append"), values.get("chain", "")
    if position.startswith("chain") and not chain:
        say(FirewallFault.NEEDS_CHAIN, reading, "position", value=position)
        return None
    if chain and not position.startswith("chain"):
        say(FirewallFault.NO_CHAIN, reading, "chain", value=position)
        chain = ""
    return Include(reading.origin, path, kind, position, chain)


def helper(values: Mapping[str, Any], proto: Item) -> Helper:
    """The conntrack helper of a section: `values` are its valid options, `proto` is its only protocol.

    Absent options are empty, or 0 for the family.
    """
    port = values.get("port")
    return Helper(
        name=values["name"],
        description=values.get("description", ""),
        module=values.get("module", ""),
        family=values.get("family") or 0,
        proto=proto.text,
        port=port.text if port else "",
    )
