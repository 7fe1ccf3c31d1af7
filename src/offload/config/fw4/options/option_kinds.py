"""Kinds of options that several sections of /etc/config/firewall have, and variants of a kind."""

from offload.config.fw4.options import fw4_times, fw4_values, fw4_words
from offload.config.schema import CONDITION, DETAIL, Option

BOOL = Option(fw4_words.boolean, "1, on, true, yes, 0, off, false or no", DETAIL)
TEXT = Option(fw4_words.text, "text", DETAIL)
NUMBER = Option(fw4_times.number, "a whole number", DETAIL)
ZONE_NAME = Option(fw4_words.zone, "the name of a zone or '*'")
POLICY = Option(fw4_words.policy, "ACCEPT, REJECT or DROP")
FAMILY = Option(fw4_words.family, "an address family (any, ipv4 or ipv6)", CONDITION)
ADDRESS = Option(
    fw4_values.network, "an address, a network, a range of addresses or the name of a network of netifd", CONDITION
)
PORT = Option(fw4_values.port, "a port or a range of ports (80, 8000-8080)")
MAC = Option(fw4_values.mac, "a MAC address", CONDITION)
LIMIT = Option(fw4_times.limit, "a rate above 0 (10/second, minute, hour or day)", CONDITION)
MARK = Option(fw4_values.mark, "a mark (a number or 0xhex, optionally with /mask)", CONDITION)
DSCP = Option(fw4_values.dscp, "a DSCP class or a number from 0 to 63", CONDITION)
DATE = Option(fw4_times.date, "a date (YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, 1970 to 2038)", CONDITION)
TIME_OF_DAY = Option(fw4_times.time, "a time (hh:mm:ss)", CONDITION)
HELPER_NAME = Option(fw4_values.helper, "the name of a conntrack helper", CONDITION)
SET = Option(fw4_values.set_match, "the name of an ipset, optionally with directions (src, dst)", CONDITION)
REJECT_CODE = Option(
    fw4_words.reject_code, "tcp-reset, port-unreachable, admin-prohibited, host-unreachable or no-route", DETAIL
)
PROTOCOL = Option(fw4_values.protocol, "a protocol's name or number", many=True, flat=True)
NAME = TEXT._replace(free_text=True)


def many(option: Option) -> Option:
    """A copy of the option that takes several values: a UCI list, or words between blanks."""
    return option._replace(many=True)


def unsupported(option: Option = TEXT, role: str = DETAIL) -> Option:
    """A copy of the option with this role, marked as known but not expressible in nftables (Fault.UNSUPPORTED)."""
    return option._replace(unsupported=True, role=role)


def without_effect(option: Option) -> Option:
    """A copy of the option with role DETAIL, marked as one that fw4 reads and ignores (Fault.NO_EFFECT)."""
    return option._replace(without_effect=True, role=DETAIL)


def required(option: Option) -> Option:
    """A copy of the option, marked as one that a section must have (Fault.MISSING)."""
    return option._replace(required=True)


def plain(option: Option) -> Option:
    """A copy of the option that takes no `!` before its value."""
    return option._replace(negatable=False)


# Options that rules, redirects and NAT sections have in common.
SHARED = {
    "limit": LIMIT,
    "limit_burst": NUMBER._replace(role=CONDITION),
    "utc_time": BOOL._replace(role=CONDITION),
    "start_date": DATE,
    "stop_date": DATE,
    "start_time": TIME_OF_DAY,
    "stop_time": TIME_OF_DAY,
    "weekdays": Option(fw4_times.weekdays, "a list of days of the week", CONDITION),
    "monthdays": unsupported(role=CONDITION),
    "extra": unsupported(NAME, CONDITION),
    "mark": MARK,
    "counter": BOOL,
    "log": NAME,
}
