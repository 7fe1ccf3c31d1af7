"""Why the service makes a pass or a return, for the log."""

from enum import Enum


class Cause(Enum):
    """Why the service made a pass, or created tables again (a return). The value is the text in the log."""

    START = "the service started"
    RELOAD = "reload requested"
    CALL = "a call over ubus"
    UBUS = "ubus is back"
    INTERFACE = "netifd changed a network"
    LINK = "a link changed"
    ADDRESS = "an address changed"
    ROUTING_RULE = "a routing rule changed"
    ROUTES = "routes changed"
    QDISC = "a queueing discipline changed"
    FILTER = "a tc filter changed"
    STATION = "a station moved"
    PORTS_RETURN = "ports of a bridge are listed again"
    HARDWARE = "hardware is asked for other flows"
    FILE = "a configuration file changed"
    CLOCK = "the clock was set"
    EXEMPT_ENDED = "a timed exempt ended"
    TABLE = "a table came or went"
    CHAIN = "a chain on a hook came or went"
    RULES = "rules of another table changed"
    DECIDING = "rules, their sets, times or forwarding changed"
    ENDED = "connections were ended"
    FIREWALL = "rules of the firewall changed"
    TABLES = "nftables changed"
    OVERRUN = "the kernel sent more notifications than could be read"
