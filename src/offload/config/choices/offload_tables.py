"""The tables of options in /etc/config/offload, one for each section type; and PACKAGES, the tables for bug reports."""

from collections.abc import Mapping

from offload.config.choices import options
from offload.config.fw4.options import firewall_tables
from offload.config.schema import Option, Parser, Table
from offload.model.sections import kinds
from offload.model.sections.fields import FIELDS
from offload.model.sections.section import Section
from offload.nouns import replace

TEXT = Option(options.text)
FREE_TEXT = Option(options.text, free_text=True)
BOOL = Option(options.boolean)
ZONE = Option(options.zone)

INTERFACE = Table({"device": TEXT, "proto": TEXT})

_PACKETS = Option(options.number(0, 1_000_000))
_LEAN = "zones without a mode and {} of their own stay on the slow path"
# Faults of these options in `config globals` may concern any zone, whatever its own section says.
FATAL = frozenset({"enabled", "exclude_device"})
_FATAL = "nothing is offloaded"
# These concern no traffic.
HARMLESS = frozenset({"log_level", "hardware_retry", "cut_refused"})
GLOBALS = Table(
    {
        "enabled": Option(options.boolean, consequence=_FATAL),
        "mode": Option(options.mode),
        "after_packets": _PACKETS._replace(consequence=_LEAN.format("an after_packets")),
        "family": Option(options.family, consequence=_LEAN.format("a family")),
        "device": Option(options.device, many=True),
        "exclude_device": Option(options.device, many=True, consequence=_FATAL),
        "auto_exempt": BOOL,
        "auto_software": BOOL,
        "cut_refused": Option(options.boolean, consequence="no connection is ended"),
        "log_level": Option(options.log_level, consequence="the log has the default level, info"),
        "hardware_retry": Option(options.number(1, 8760), consequence="hardware is asked again after 6 hours"),
        "taken": Option(options.mode),  # written by `offload takeover`, read by `offload giveback`
        "version": Option(options.number(1, 999)),  # of this file's meaning, written by offload; 0.1.0 wrote none
    }
)
ZONE_CHOICE = Table(
    {
        "enabled": BOOL,
        "name": Option(options.identifier, required=True),
        "mode": Option(options.mode),
        "family": Option(options.family),
        "after_packets": _PACKETS,
    }
)
PAIR_CHOICE = Table(
    {
        "enabled": BOOL,
        "src": Option(options.zone, required=True),
        "dest": Option(options.zone, required=True),
        "mode": Option(options.mode, required=True),
    }
)
_PARSERS: Mapping[kinds.Kind, Parser] = {
    kinds.NETWORK: options.negatable(options.network),
    kinds.MAC: options.negatable(options.mac),
    kinds.PROTOCOL: options.protocol,
    kinds.PORT: options.negatable(options.ports),
    kinds.MARK: options.negatable(options.mark),
    kinds.DSCP: options.negatable(options.dscp),
}
EXEMPT = Table(
    {
        "enabled": BOOL,
        "name": FREE_TEXT,
        "src": ZONE,
        "dest": ZONE,
        **{
            each.name: Option(_PARSERS[each.kind], each.kind.called, many=each.many, filled=each.many)
            for each in FIELDS
        },
    }
)

_OF_SETS = Table({name: firewall_tables.IPSET[name] for name in ("name", "family")})  # not what they hold
# package -> section type -> table: what `offload snapshot` writes
PACKAGES: Mapping[str, Mapping[str, Table]] = {
    "firewall": {kind: firewall_tables.TABLES[kind] for kind in ("defaults", "zone", "forwarding", "rule", "redirect")}
    | {"ipset": _OF_SETS},
    "network": {"interface": INTERFACE},
    "offload": {"globals": GLOBALS, "zone": ZONE_CHOICE, "pair": PAIR_CHOICE, "exempt": EXEMPT},
}


def without_unknown_options(section: Section) -> Section | None:
    """The section without options that its type does not have in PACKAGES; None: PACKAGES does not have its type."""
    table = PACKAGES.get(section.package, {}).get(section.type)
    if table is None:
        return None
    return replace(section, options={name: value for name, value in section.options.items() if name in table})
