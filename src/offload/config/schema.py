"""One table per section type: option -> how to read it. A new option is one line here.

The firewall's tables hold every option fw4 knows (fw4.uc, parse_zone and its siblings); those that planning does not
need are TEXT. `offload snapshot` copies only options that stand in these tables.
"""

from collections.abc import Callable, Mapping
from typing import Any

from offload.config import options
from offload.config.options import Bad, Parser
from offload.model.config import Section
from offload.model.problem import Problem, ProblemCode
from offload.model.similar import did_you_mean
from offload.nouns import dataclass, replace


@dataclass(frozen=True, slots=True)
class Option:
    """How one option is read. `many`: a list, or one option with words between blanks, as fw4 takes it.

    `consequence`: what a bad value leads to, where that is not what other faults of the section lead to. `free_text`:
    a person chose the words, so a bug report has a number instead.
    """

    parse: Parser
    many: bool = False
    required: bool = False
    consequence: str = ""
    free_text: bool = False


Table = Mapping[str, Option]

TEXT = Option(options.text)
TEXTS = Option(options.text, many=True)
FREE_TEXT = Option(options.text, free_text=True)
FREE_TEXTS = Option(options.text, many=True, free_text=True)
BOOL = Option(options.boolean)
ZONE = Option(options.zone)


def _known(names: str, option: Option = TEXTS) -> dict[str, Option]:
    return dict.fromkeys(names.split(), option)


DEFAULTS: Table = {
    **_known(
        "input output forward drop_invalid tcp_reject_code any_reject_code syn_flood synflood_protect synflood_rate "
        "synflood_burst auto_helper auto_includes tcp_syncookies tcp_ecn tcp_window_scaling accept_redirects "
        "accept_source_route custom_chains disable_ipv6"
    ),
    "forward": Option(options.policy),
    "flow_offloading": BOOL,
    "flow_offloading_hw": BOOL,
}
FIREWALL_ZONE: Table = {
    **_known(
        "input output masq_allow_invalid masq_src masq_dest mtu_fix auto_helper helper log log_limit counter "
        "custom_chains"
    ),
    **_known("extra extra_src extra_dest", FREE_TEXTS),
    "enabled": BOOL,
    "name": Option(options.identifier, required=True),
    "family": Option(options.fw4_family),
    "network": TEXTS,  # fw4 takes any name that netifd has; these are longer than a device's may be
    "device": Option(options.zone_device, many=True, consequence="the zone goes without it"),
    "subnet": TEXTS,
    "forward": Option(options.policy),
    "masq": BOOL,
    "masq6": BOOL,
}
FORWARDING: Table = {
    "enabled": BOOL,
    "name": FREE_TEXT,
    "family": Option(options.fw4_family),
    "src": Option(options.zone, required=True),
    "dest": Option(options.zone, required=True),
}
_MATCHES = (
    "family device direction ipset helper set_helper src_ip src_mac src_port dest_ip dest_port icmp_type "
    "limit limit_burst utc_time start_date stop_date start_time stop_time weekdays monthdays mark set_mark set_xmark "
    "dscp set_dscp counter log_limit"
)
_FOR_PEOPLE = _known("name _name log extra", FREE_TEXTS)
RULE: Table = {
    **_known(_MATCHES),
    **_FOR_PEOPLE,
    "enabled": BOOL,
    "src": ZONE,
    "dest": ZONE,
    "proto": TEXTS,
    "target": Option(options.prefix("accept", "reject", "drop", "notrack", "helper", "mark", "dscp")),
}
REDIRECT: Table = {
    **_known(_MATCHES + " src_dip src_dport reflection_src"),
    **_FOR_PEOPLE,
    "enabled": BOOL,
    "src": ZONE,
    "dest": ZONE,
    "proto": TEXTS,
    "dest_ip": TEXT,
    "reflection": BOOL,
    "reflection_zone": Option(options.zone, many=True),
    "target": Option(options.prefix("dnat", "snat")),
}
IPSET: Table = {"name": TEXT, "family": TEXT}  # of a set only that much counts
INTERFACE: Table = {"device": TEXT, "proto": TEXT}

_PACKETS = Option(options.number(0, 1_000_000))
_LEAN = "zones without a mode and {} of their own stay on the slow path"
# The faults of `config globals` that may mean any zone, whatever its own section says.
FATAL = frozenset({"enabled", "exclude_device"})
_FATAL = "nothing is offloaded"
# Those that concern no traffic.
HARMLESS = frozenset({"log_level"})
GLOBALS: Table = {
    "enabled": Option(options.boolean, consequence=_FATAL),
    "mode": Option(options.mode),
    "after_packets": replace(_PACKETS, consequence=_LEAN.format("an after_packets")),
    "family": Option(options.family, consequence=_LEAN.format("a family")),
    "device": Option(options.device, many=True),
    "exclude_device": Option(options.device, many=True, consequence=_FATAL),
    "auto_exempt": BOOL,
    "log_level": Option(options.log_level, consequence="the log has the default level, info"),
    "taken": Option(options.mode),  # written by `offload takeover`, read by `offload giveback`
    "version": Option(options.number(1, 999)),  # of this file's meaning, written by offload; 0.1.0 wrote none
}
ZONE_CHOICE: Table = {
    "enabled": BOOL,
    "name": Option(options.identifier, required=True),
    "mode": Option(options.mode),
    "family": Option(options.family),
    "after_packets": _PACKETS,
}
PAIR_CHOICE: Table = {
    "enabled": BOOL,
    "src": Option(options.zone, required=True),
    "dest": Option(options.zone, required=True),
    "mode": Option(options.mode, required=True),
}
EXEMPT: Table = {
    "enabled": BOOL,
    "name": FREE_TEXT,
    "src": ZONE,
    "dest": ZONE,
    "src_ip": Option(options.network, many=True),
    "dest_ip": Option(options.network, many=True),
    "src_mac": Option(options.mac, many=True),
    "proto": Option(options.protocol, many=True),
    "src_port": Option(options.ports, many=True),
    "dest_port": Option(options.ports, many=True),
    "mark": Option(options.mark),
    "dscp": Option(options.dscp),
}

# package -> section type -> table
PACKAGES: Mapping[str, Mapping[str, Table]] = {
    "firewall": {
        "defaults": DEFAULTS,
        "zone": FIREWALL_ZONE,
        "forwarding": FORWARDING,
        "rule": RULE,
        "redirect": REDIRECT,
        "ipset": IPSET,
    },
    "network": {"interface": INTERFACE},
    "offload": {"globals": GLOBALS, "zone": ZONE_CHOICE, "pair": PAIR_CHOICE, "exempt": EXEMPT},
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A section read through its table: the values that were good, and a Problem for each that was not.

    `bad` names the options behind the problems; unknown ones are among them unless the table is fw4's. A list keeps the
    good ones of its values beside its Problems.
    """

    section: Section
    values: Mapping[str, Any]
    problems: tuple[Problem, ...]
    bad: frozenset[str]

    def get(self, option: str, default: Any = None) -> Any:
        """The option's value, or `default` where it is absent or faulty."""
        return self.values.get(option, default)


def read(section: Section, table: Table, consequence: str | Callable[[str], str], *, ignored: bool = False) -> Reading:
    """Read every option of `section`.

    `consequence` ends each sentence with what follows from it, for the section or for an option of it. An unknown
    option is as bad as a bad value, unless such options are `ignored`, as fw4 does.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    bad: set[str] = set()

    def refuse(fault: ProblemCode, option: str, **words: object) -> None:
        then = consequence if isinstance(consequence, str) else consequence(option)
        words = {"type": section.type, "hint": "", "consequence": then, **words}
        problems.append(fault.at(section.package, section.id, option, **words))

    for option, given in section.options.items():
        if option not in table:
            if not ignored:
                refuse(ProblemCode.UNKNOWN_OPTION, option, hint=did_you_mean(option, table))
                bad.add(option)
            continue
        good, refused = _values(table[option], given)
        for each in refused:
            own = table[option].consequence
            refuse(each.fault, option, **each.words, **({"consequence": own} if own else {}))
            bad.add(option)
        if table[option].many:
            values[option] = good
        elif good:
            values[option] = good[0]
    for option, rule in table.items():
        if rule.required and option not in section.options:
            refuse(ProblemCode.MISSING_OPTION, option)
            bad.add(option)
    return Reading(section, values, tuple(problems), frozenset(bad))


def _values(option: Option, given: str | tuple[str, ...]) -> tuple[tuple[Any, ...], list[Bad]]:
    """What the option's words mean, and those that mean nothing."""
    if not option.many and not isinstance(given, str):
        return (), [Bad(ProblemCode.NOT_A_LIST, {})]
    words = given if not isinstance(given, str) else given.split() if option.many else (given,)
    parsed = [option.parse(word) for word in words]
    refused = [each for each in parsed if isinstance(each, Bad)]
    return tuple(each for each in parsed if not isinstance(each, Bad)), refused


def named_only(section: Section) -> Section | None:
    """The section cut down to the options of its table, for bug reports; None where no table knows its type."""
    table = PACKAGES.get(section.package, {}).get(section.type)
    if table is None:
        return None
    return replace(section, options={name: value for name, value in section.options.items() if name in table})
