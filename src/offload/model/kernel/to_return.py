"""What a change of routes asks for."""

from enum import IntEnum


class ToReturn(IntEnum):
    """Which of our tables a change of routes asks to create again; each value includes those before it.

    HARDWARE: a route that leads to one host changed. Daemons may write such all the time (odhcpd as a relay, babel,
    OLSR), and the kernel itself looks routes up anew for most flows in software. LOST: notifications were lost,
    perhaps of any route, so all tables. ALL: another route, or a routing rule, changed.
    """

    NOTHING, HARDWARE, LOST, ALL = range(4)
