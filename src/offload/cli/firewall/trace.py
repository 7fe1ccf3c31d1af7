"""`offload firewall trace`: which rules of the firewall decide about the first packet of a connection."""

import sys
from collections.abc import Iterator, Mapping, Sequence

from offload.cli.firewall.compiled import read
from offload.cli.firewall.given import DONE, Given
from offload.cli.terminal import width
from offload.compiler.firewall.tracing.packet import WITH_PORTS, Packet
from offload.compiler.firewall.tracing.trace import Hook, Route, Step, device_of, is_own, trace, zone_of
from offload.compiler.firewall.zones import FirewallZone
from offload.config.fw4.options.fw4_values import mac, protocol
from offload.config.numbers import PROTOCOL_NUMBERS
from offload.errors import UsageError
from offload.model.sections.section import Section
from offload.model.text.addresses import number
from offload.model.text.shown import shown
from offload.model.text.similar import did_you_mean
from offload.status.text.layout import fitted

PATH = "/etc/config/firewall"
LAST_PORT = 65535
Zones = Mapping[str, FirewallZone]


def show_trace(given: Given) -> int:
    """Print what the hooks decide about the packet that the options describe, and by which rules; give exit code 0.

    NAT hooks without a rule for the packet are not printed. UsageError for a bad option as of `asked`; FileError or
    BusError if the router cannot be read.
    """
    found, sections = read(given.root)
    zones = {each.name: each for each in found.zones}
    packet, route = asked(given.about, zones)
    hooks, end = trace(found.ruleset.table.chains, zones, packet, route)
    report = _report(packet, route, hooks, end, Origins(sections))
    sys.stdout.write(f"{fitted(report, width())}\n")
    return DONE


def asked(about: Mapping[str, str], zones: Zones) -> tuple[Packet, Route]:
    """The packet that the options of `trace` describe, and its Route (source zone, destination zone).

    `about`: values by option name, such as `src-ip`. An empty zone is the router. Without `dest` a packet from a zone
    goes to the router if `dest-ip` is the router's or not given. Otherwise it goes to the zone whose network has
    `dest-ip`, or if there is none, to the one zone that masquerades. UsageError for a value that is not valid, a zone
    without a device, addresses of two families, ports of a protocol without ports, and if not exactly one zone
    masquerades where that decides.
    """
    family, ends = _addresses(about)
    ports = {name: _port(about, name) for name in ("src-port", "dest-port")}
    proto = _protocol(about, "tcp" if any(ports.values()) else "any")
    if any(ports.values()) and proto not in WITH_PORTS:
        raise UsageError(f"--proto: '{shown(about['proto'])}' has no ports")
    src = _zone(about, "src", zones)
    dest = _zone(about, "dest", zones) or _way(ends["dest-ip"], family, zones, src)
    packet = Packet(
        family,
        proto,
        device_of(zones.get(src)),
        device_of(zones.get(dest)),
        ends["src-ip"],
        ends["dest-ip"],
        ports["src-port"],
        ports["dest-port"],
        _mac(about),
    )
    return packet, Route(src, dest)


def _addresses(about: Mapping[str, str]) -> tuple[int, dict[str, int | None]]:
    # the family of both (4 if there is none), and each address as a number; None: not given
    families, ends = set(), dict[str, int | None]()
    for name in ("src-ip", "dest-ip"):
        family, value = number(about[name]) if name in about else (0, 0)
        if name in about and not family:
            raise UsageError(f"--{name}: '{shown(about[name])}' is no address")
        families |= {family} - {0}
        ends[name] = value if family else None
    if len(families) > 1:
        raise UsageError("--src-ip and --dest-ip are of different families")
    return next(iter(families), 4), ends


def _port(about: Mapping[str, str], name: str) -> int | None:
    word = about.get(name)
    if word is None:
        return None
    if not (word.isascii() and word.isdigit() and len(word) <= len(str(LAST_PORT)) and 0 < int(word) <= LAST_PORT):
        raise UsageError(f"--{name}: '{shown(word)}' is no port")
    return int(word)


def _protocol(about: Mapping[str, str], without: str) -> str:
    # as the compiler writes it into rules; empty: any. `without`: what it is if it is not given
    word = about.get("proto", without)
    found = protocol(word)
    if found is None or len(found) > 1 or found[0].negated:
        raise UsageError(f"--proto: '{shown(word)}' is not one protocol: write a name or number, such as udp or 17")
    return "" if found[0].text == "any" else found[0].text


def _mac(about: Mapping[str, str]) -> str:
    word = about.get("src-mac")
    found = None if word is None else mac(word)
    if word is not None and (found is None or found.negated):
        raise UsageError(f"--src-mac: '{shown(word)}' is no MAC address")
    return found.text if found else ""


def _zone(about: Mapping[str, str], name: str, zones: Zones) -> str:
    word = about.get(name, "")
    if word and word not in zones:
        hint = did_you_mean(word, zones)
        raise UsageError(f"--{name}: there is no zone '{shown(word)}'{hint}; the zones: {', '.join(zones)}")
    if word and not device_of(zones[word]):
        raise UsageError(f"--{name}: zone '{word}' has no device now, so no packet belongs to it")
    return word


def _way(dest_ip: int | None, family: int, zones: Zones, src: str) -> str:
    # Empty: to this router. From a zone it goes there if the address is the router's own or is not given. An address in
    # a zone's network means that zone; any other, the one zone that masquerades.
    if dest_ip is None or is_own(dest_ip, family, zones.values()):
        if src:
            return ""
    elif found := zone_of(dest_ip, family, zones.values()):
        return found
    outside = [name for name, each in zones.items() if each.zone.masq or each.zone.masq6]
    if len(outside) != 1:
        raise UsageError("--dest: name the zone it goes to; its address does not tell")
    return outside[0]


class Origins:
    """Finds the section of /etc/config/firewall that a rule comes from, and the line where the section begins."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._lines = {each.id: each.line for each in sections if each.line}

    def of(self, step: Step) -> str:
        """The text, on one line, about a rule that a packet meets: chain, verdict, and comment if any.

        If it is known where the rule's section begins in the file, the section's id and that place are added; else both
        are missing.
        """
        line = self._lines.get(step.origin)
        where = f" ({step.origin}, {PATH}:{line})" if line else ""
        shown = f'"{step.comment}"' if step.comment else ""
        return f"{step.chain}: {step.verdict} {shown}".rstrip() + where


def _report(packet: Packet, route: Route, hooks: Sequence[Hook], end: Route, origins: Origins) -> Iterator[str]:
    port = f" port {packet.dest_port}" if packet.dest_port else ""
    yield (
        f"The first packet of a connection, IPv{packet.family} {_named(packet.proto)}{port}: "
        f"from {_end(route.src)} to {_end(route.dest)}"
    )
    for each in hooks:
        if each.name in {"dstnat", "srcnat"} and not each.way and not each.may:
            continue
        decided = "by its policy, since no rule concerns it" if not each.way else "by"
        yield (
            f"{each.name}: {each.verdict} {decided}" if each.name not in {"dstnat", "srcnat"} or each.way else each.name
        )
        yield from (f"    {origins.of(step)}" for step in each.way)
        yield from (f"    but before that, if {step.unless}: {origins.of(step)}" for step in each.may)
        if each.name == "dstnat" and each.way and end != route:
            yield f"    so it goes to {_end(end.dest)}"


def _named(proto: str) -> str:
    # a protocol with no more than a number in nft has a name for the reader all the same
    if not proto.isdecimal():
        return proto or "of any protocol"
    return next((name for name, number in PROTOCOL_NUMBERS.items() if number == int(proto)), f"protocol {proto}")


def _end(zone: str) -> str:
    return f"zone {zone}" if zone else "this router"
