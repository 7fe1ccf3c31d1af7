"""The tables of all options that fw4 reads in /etc/config/firewall, one for each section type."""

from collections.abc import Mapping

from offload.config.fw4.options import fw4_times, fw4_values, fw4_words
from offload.config.fw4.options.option_kinds import (
    ADDRESS,
    BOOL,
    DSCP,
    FAMILY,
    HELPER_NAME,
    LIMIT,
    MAC,
    MARK,
    NAME,
    NUMBER,
    POLICY,
    PORT,
    PROTOCOL,
    REJECT_CODE,
    SET,
    SHARED,
    TEXT,
    ZONE_NAME,
    many,
    plain,
    required,
    unsupported,
    without_effect,
)
from offload.config.schema import CONDITION, CORE, DETAIL, Option, Table


def _matching(options: Mapping[str, Option]) -> Table:
    # An empty list is a fault, as the section would match everything; only an empty reflection_zone is none.
    return Table(
        {name: option._replace(filled=option.many and name != "reflection_zone") for name, option in options.items()}
    )


_ENABLED = BOOL._replace(role=CORE)
DEFAULTS = Table(
    {
        **dict.fromkeys(("input", "output", "forward"), POLICY),
        **dict.fromkeys(("tcp_reject_code", "any_reject_code"), REJECT_CODE),
        **dict.fromkeys(
            ("drop_invalid", "syn_flood", "synflood_protect", "auto_helper", "auto_includes"),
            BOOL,
        ),
        **dict.fromkeys(
            ("flow_offloading", "flow_offloading_hw"),
            BOOL,
        ),
        "stop_flushes": BOOL,
        "synflood_rate": LIMIT._replace(negatable=False),
        "synflood_burst": NUMBER,
        **dict.fromkeys(
            ["tcp_syncookies", "tcp_window_scaling", "accept_redirects", "accept_source_route"], without_effect(BOOL)
        ),
        "tcp_ecn": without_effect(NUMBER),
        "custom_chains": unsupported(),
        "disable_ipv6": unsupported(),
    }
)
ZONE = Table(
    {
        "enabled": _ENABLED,
        "name": required(
            Option(fw4_words.identifier, "a name (at most 122 of A-Z a-z 0-9 / _ . -, the first none of 0-9 / -)")
        ),
        "family": FAMILY,
        "network": Option(fw4_values.network_name, "the name of a network", many=True),
        "device": Option(fw4_values.zone_device, "the name of a device", many=True),
        "subnet": many(ADDRESS),
        **dict.fromkeys(("input", "output", "forward"), POLICY._replace(role=DETAIL)),
        **dict.fromkeys(["masq", "masq6", "masq_allow_invalid", "mtu_fix", "auto_helper", "counter"], BOOL),
        "masq_src": many(ADDRESS)._replace(role=DETAIL),
        "masq_dest": many(ADDRESS)._replace(role=DETAIL),
        "log": NUMBER,
        "log_limit": plain(LIMIT)._replace(role=DETAIL),
        "helper": many(HELPER_NAME)._replace(role=DETAIL),
        **dict.fromkeys(["extra", "extra_src", "extra_dest"], unsupported(NAME)),
        "custom_chains": unsupported(),
    }
)
FORWARDING = Table(
    {
        "enabled": _ENABLED,
        "name": NAME,
        "family": FAMILY,
        "src": required(ZONE_NAME),
        "dest": required(ZONE_NAME),
    }
)
_TARGET = Option(
    fw4_words.target, "a target (ACCEPT, REJECT, DROP, NOTRACK, HELPER, MARK, DSCP, DNAT, SNAT, MASQUERADE)"
)
RULE = _matching(
    {
        "enabled": _ENABLED,
        "name": NAME,
        "_name": without_effect(NAME),
        "family": FAMILY,
        "src": ZONE_NAME,
        "dest": ZONE_NAME,
        "device": Option(fw4_values.device, "the name of a device", negatable=False),
        "direction": Option(fw4_values.direction, "in, ingress, out or egress"),
        "ipset": SET,
        "helper": HELPER_NAME,
        "set_helper": plain(HELPER_NAME)._replace(role=CORE),
        "proto": PROTOCOL,
        "src_ip": many(ADDRESS),
        "src_mac": many(MAC),
        "src_port": many(PORT),
        "dest_ip": many(ADDRESS),
        "dest_port": many(PORT),
        "icmp_type": Option(fw4_values.icmp_type, "an ICMP type by name or number", CONDITION, many=True),
        **SHARED,
        "set_mark": MARK._replace(role=CORE, negatable=False),
        "set_xmark": MARK._replace(role=CORE, negatable=False),
        "dscp": DSCP,
        "set_dscp": DSCP._replace(role=CORE, negatable=False),
        "log_limit": LIMIT._replace(role=DETAIL, negatable=False),
        "target": Option(
            fw4_words.rule_target, "a target of rules (ACCEPT, REJECT, DROP, NOTRACK, HELPER, MARK, DSCP)"
        ),
    }
)
REDIRECT = _matching(
    {
        "enabled": _ENABLED,
        "name": NAME,
        "_name": without_effect(NAME),
        "family": FAMILY,
        "src": ZONE_NAME,
        "dest": ZONE_NAME,
        "ipset": SET,
        "helper": plain(HELPER_NAME),
        "proto": PROTOCOL,
        "src_ip": ADDRESS,
        "src_mac": many(MAC),
        "src_port": PORT,
        "src_dip": ADDRESS,
        "src_dport": PORT,
        "dest_ip": ADDRESS,
        "dest_port": PORT,
        **SHARED,
        "reflection": BOOL,
        "reflection_src": Option(fw4_words.reflection_source, "internal or external", DETAIL),
        "reflection_zone": many(ZONE_NAME),
        "log_limit": LIMIT._replace(role=DETAIL, negatable=False),
        "target": _TARGET,
    }
)
NAT = _matching(
    {
        "enabled": _ENABLED,
        "name": TEXT,
        "family": FAMILY,
        "src": ZONE_NAME,
        "device": Option(fw4_values.device, "the name of a device", negatable=False),
        "ipset": SET,
        "proto": PROTOCOL,
        "src_ip": ADDRESS,
        "src_port": PORT,
        "snat_ip": plain(ADDRESS),
        "snat_port": plain(PORT),
        "dest_ip": ADDRESS,
        "dest_port": PORT,
        **SHARED,
        "connlimit_ports": BOOL,
        "target": _TARGET,
    }
)
IPSET = Table(
    {
        "enabled": _ENABLED,
        "name": required(Option(fw4_words.identifier, "a name nft can take")),
        "family": FAMILY,
        "match": Option(fw4_values.set_type, "a field of a set (ip, port, mac or net, with src_ or dest_)", many=True),
        "comment": TEXT,
        "maxelem": NUMBER,
        "timeout": Option(fw4_times.timeout, "a number of seconds, or -1"),
        "entry": many(TEXT),
        "loadfile": Option(fw4_words.path, "an absolute path"),
        "reload_set": BOOL,
        "counters": BOOL,
        **dict.fromkeys(["storage", "iprange", "portrange", "netmask", "hashsize", "external"], unsupported()),
    }
)
INCLUDE = Table(
    {
        "enabled": _ENABLED,
        "path": required(Option(fw4_words.path, "an absolute path")),
        "type": Option(fw4_words.include_type, "script or nftables"),
        "fw4_compatible": BOOL,
        "position": Option(fw4_words.position, "a position (ruleset, table or chain with -prepend or -append)"),
        "chain": Option(fw4_words.identifier, "the name of a chain"),
        "family": unsupported(FAMILY),
        "reload": unsupported(BOOL),
    }
)
HELPER = Table(
    {
        "name": required(Option(fw4_words.identifier, "the name of a conntrack helper")),
        "description": TEXT,
        "module": TEXT,
        "family": FAMILY,
        "proto": required(PROTOCOL),
        "port": plain(PORT),
    }
)
TABLES: Mapping[str, Table] = {
    "defaults": DEFAULTS,
    "zone": ZONE,
    "forwarding": FORWARDING,
    "rule": RULE,
    "redirect": REDIRECT,
    "nat": NAT,
    "ipset": IPSET,
    "include": INCLUDE,
}
