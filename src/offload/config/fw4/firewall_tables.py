"""The options of every section of /etc/config/firewall that fw4 reads: one table per type, one line per option."""

from collections.abc import Mapping

from offload.config.fw4 import fw4_values as values
from offload.config.schema import CONDITION, CORE, DETAIL, Option, Table

_BOOL = Option(values.boolean, "1, on, true, yes, 0, off, false or no", DETAIL)
_TEXT = Option(values.text, "text", DETAIL)
_NUMBER = Option(values.number, "a whole number", DETAIL)
_ZONE = Option(values.zone, "the name of a zone or '*'")
_POLICY = Option(values.policy, "ACCEPT, REJECT or DROP")
_FAMILY = Option(values.family, "an address family (any, ipv4 or ipv6)", CONDITION)
_ADDRESS = Option(
    values.network, "an address, a network, a range of addresses or the name of a network of netifd", CONDITION
)
_PORT = Option(values.port, "a port or a range of ports (80, 8000-8080)")
_MAC = Option(values.mac, "a MAC address", CONDITION)
_LIMIT = Option(values.limit, "a rate above 0 (10/second, minute, hour or day)", CONDITION)
_MARK = Option(values.mark, "a mark (a number or 0xhex, optionally with /mask)", CONDITION)
_DSCP = Option(values.dscp, "a DSCP class or a number from 0 to 63", CONDITION)
_DATE = Option(values.date, "a date (YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, 1970 to 2038)", CONDITION)
_TIME = Option(values.time, "a time (hh:mm:ss)", CONDITION)
_HELPER = Option(values.helper, "the name of a conntrack helper", CONDITION)
_IPSET = Option(values.set_match, "the name of an ipset, optionally with directions (src, dst)", CONDITION)
_REJECT_CODE = Option(
    values.reject_code, "tcp-reset, port-unreachable, admin-prohibited, host-unreachable or no-route", DETAIL
)
_PROTOCOL = Option(values.protocol, "a protocol's name or number", many=True, flat=True)
_NAME = _TEXT._replace(free_text=True)


def _all(option: Option) -> Option:
    return option._replace(many=True)


def _matching(options: Mapping[str, Option]) -> Table:
    """The table of a section that matches packets: a blank list is a fault, else the section would match everything."""
    return Table(
        {name: option._replace(filled=option.many and name != "reflection_zone") for name, option in options.items()}
    )


def _unsupported(option: Option = _TEXT, role: str = DETAIL) -> Option:
    return option._replace(unsupported=True, role=role)


def _without_effect(option: Option) -> Option:
    return option._replace(without_effect=True, role=DETAIL)


def _required(option: Option) -> Option:
    return option._replace(required=True)


def _plain(option: Option) -> Option:
    return option._replace(negatable=False)


_ENABLED = _BOOL._replace(role=CORE)
_TIMES = {
    "limit": _LIMIT,
    "limit_burst": _NUMBER._replace(role=CONDITION),
    "utc_time": _BOOL._replace(role=CONDITION),
    "start_date": _DATE,
    "stop_date": _DATE,
    "start_time": _TIME,
    "stop_time": _TIME,
    "weekdays": Option(values.weekdays, "a list of days of the week", CONDITION),
    "monthdays": _unsupported(role=CONDITION),
    "extra": _unsupported(_NAME, CONDITION),
    "mark": _MARK,
    "counter": _BOOL,
    "log": _NAME,
}
DEFAULTS = Table(
    {
        **dict.fromkeys(("input", "output", "forward"), _POLICY),
        **dict.fromkeys(("tcp_reject_code", "any_reject_code"), _REJECT_CODE),
        **dict.fromkeys(
            ("drop_invalid", "syn_flood", "synflood_protect", "auto_helper", "auto_includes"),
            _BOOL,
        ),
        **dict.fromkeys(
            ("flow_offloading", "flow_offloading_hw"),
            _BOOL,
        ),
        "stop_flushes": _BOOL,
        "synflood_rate": _LIMIT._replace(negatable=False),
        "synflood_burst": _NUMBER,
        **dict.fromkeys(
            ["tcp_syncookies", "tcp_window_scaling", "accept_redirects", "accept_source_route"], _without_effect(_BOOL)
        ),
        "tcp_ecn": _without_effect(_NUMBER),
        "custom_chains": _unsupported(),
        "disable_ipv6": _unsupported(),
    }
)
ZONE = Table(
    {
        "enabled": _ENABLED,
        "name": _required(
            Option(values.identifier, "a name (at most 122 of A-Z a-z 0-9 / _ . -, the first none of 0-9 / -)")
        ),
        "family": _FAMILY,
        "network": Option(values.network_name, "the name of a network", many=True),
        "device": Option(values.zone_device, "the name of a device", many=True),
        "subnet": _all(_ADDRESS),
        **dict.fromkeys(("input", "output", "forward"), _POLICY._replace(role=DETAIL)),
        **dict.fromkeys(["masq", "masq6", "masq_allow_invalid", "mtu_fix", "auto_helper", "counter"], _BOOL),
        "masq_src": _all(_ADDRESS)._replace(role=DETAIL),
        "masq_dest": _all(_ADDRESS)._replace(role=DETAIL),
        "log": _NUMBER,
        "log_limit": _plain(_LIMIT)._replace(role=DETAIL),
        "helper": _all(_HELPER)._replace(role=DETAIL),
        **dict.fromkeys(["extra", "extra_src", "extra_dest"], _unsupported(_NAME)),
        "custom_chains": _unsupported(),
    }
)
FORWARDING = Table(
    {
        "enabled": _ENABLED,
        "name": _NAME,
        "family": _FAMILY,
        "src": _required(_ZONE),
        "dest": _required(_ZONE),
    }
)
_TARGET = Option(values.target, "a target (ACCEPT, REJECT, DROP, NOTRACK, HELPER, MARK, DSCP, DNAT, SNAT, MASQUERADE)")
RULE = _matching(
    {
        "enabled": _ENABLED,
        "name": _NAME,
        "_name": _without_effect(_NAME),
        "family": _FAMILY,
        "src": _ZONE,
        "dest": _ZONE,
        "device": Option(values.device, "the name of a device", negatable=False),
        "direction": Option(values.direction, "in, ingress, out or egress"),
        "ipset": _IPSET,
        "helper": _HELPER,
        "set_helper": _plain(_HELPER)._replace(role=CORE),
        "proto": _PROTOCOL,
        "src_ip": _all(_ADDRESS),
        "src_mac": _all(_MAC),
        "src_port": _all(_PORT),
        "dest_ip": _all(_ADDRESS),
        "dest_port": _all(_PORT),
        "icmp_type": Option(values.icmp_type, "an ICMP type by name or number", CONDITION, many=True),
        **_TIMES,
        "set_mark": _MARK._replace(role=CORE, negatable=False),
        "set_xmark": _MARK._replace(role=CORE, negatable=False),
        "dscp": _DSCP,
        "set_dscp": _DSCP._replace(role=CORE, negatable=False),
        "log_limit": _LIMIT._replace(role=DETAIL, negatable=False),
        "target": _TARGET,
    }
)
REDIRECT = _matching(
    {
        "enabled": _ENABLED,
        "name": _NAME,
        "_name": _without_effect(_NAME),
        "family": _FAMILY,
        "src": _ZONE,
        "dest": _ZONE,
        "ipset": _IPSET,
        "helper": _plain(_HELPER),
        "proto": _PROTOCOL,
        "src_ip": _ADDRESS,
        "src_mac": _all(_MAC),
        "src_port": _PORT,
        "src_dip": _ADDRESS,
        "src_dport": _PORT,
        "dest_ip": _ADDRESS,
        "dest_port": _PORT,
        **_TIMES,
        "reflection": _BOOL,
        "reflection_src": Option(values.reflection_source, "internal or external", DETAIL),
        "reflection_zone": _all(_ZONE),
        "log_limit": _LIMIT._replace(role=DETAIL, negatable=False),
        "target": _TARGET,
    }
)
NAT = _matching(
    {
        "enabled": _ENABLED,
        "name": _TEXT,
        "family": _FAMILY,
        "src": _ZONE,
        "device": Option(values.device, "the name of a device", negatable=False),
        "ipset": _IPSET,
        "proto": _PROTOCOL,
        "src_ip": _ADDRESS,
        "src_port": _PORT,
        "snat_ip": _plain(_ADDRESS),
        "snat_port": _plain(_PORT),
        "dest_ip": _ADDRESS,
        "dest_port": _PORT,
        **_TIMES,
        "connlimit_ports": _BOOL,
        "target": _TARGET,
    }
)
IPSET = Table(
    {
        "enabled": _ENABLED,
        "name": _required(Option(values.identifier, "a name nft can take")),
        "family": _FAMILY,
        "match": Option(values.set_type, "a field of a set (ip, port, mac or net, with src_ or dest_)", many=True),
        "comment": _TEXT,
        "maxelem": _NUMBER,
        "timeout": Option(values.timeout, "a number of seconds, or -1"),
        "entry": _all(_TEXT),
        "loadfile": Option(values.path, "an absolute path"),
        "reload_set": _BOOL,
        "counters": _BOOL,
        **dict.fromkeys(["storage", "iprange", "portrange", "netmask", "hashsize", "external"], _unsupported()),
    }
)
INCLUDE = Table(
    {
        "enabled": _ENABLED,
        "path": _required(Option(values.path, "an absolute path")),
        "type": Option(values.include_type, "script or nftables"),
        "fw4_compatible": _BOOL,
        "position": Option(values.position, "a position (ruleset, table or chain with -prepend or -append)"),
        "chain": Option(values.identifier, "the name of a chain"),
        "family": _unsupported(_FAMILY),
        "reload": _unsupported(_BOOL),
    }
)
HELPER = Table(
    {
        "name": _required(Option(values.identifier, "the name of a conntrack helper")),
        "description": _TEXT,
        "module": _TEXT,
        "family": _FAMILY,
        "proto": _required(_PROTOCOL),
        "port": _plain(_PORT),
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
