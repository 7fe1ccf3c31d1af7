"""Why the service makes a pass or a return, for the log."""

from enum import Enum


class Cause(Enum):
    """Why the service made a pass, or created tables again (a return). The value is the text for the log."""

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
    TABLE = "a table came or went"  # of nftables
    CHAIN = "a chain on a hook came or went"  # of nftables
    RULES = "rules of another table changed"  # neither of our tables nor of table fw4; or a verdict map of such rules
    # why tables are created again: rules of other programs or their sets changed, the time of one began or ended, the
    # clock was set, or forwarding was switched off; so flows that are offloaded may have to be dropped
    DECIDING = "rules, their sets, times or forwarding changed"
    ENDED = "connections were ended"
    FIREWALL = "rules of the firewall changed"  # in table fw4, while the firewall is not ours
    # another program may have changed our tables, or removed rules of our firewall; or notifications were lost
    TABLES = "nftables changed"
    OVERRUN = "the kernel sent more notifications than could be read"
