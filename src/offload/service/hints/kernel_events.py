"""Read the kernel's notifications, and request passes for them; after moves of stations, create tables again at once.

A station is a host that a bridge has learned at one of its ports.
"""

import time
from typing import TYPE_CHECKING

from offload.errors import OffloadError
from offload.model.cause import Cause
from offload.model.kernel.to_return import ToReturn
from offload.service import reconcile
from offload.service.doors import Monitor
from offload.service.engine import FIREWALL_TABLE, Engine
from offload.service.hints.debounce import APART, Debouncer
from offload.service.journal import Journal
from offload.service.roaming import follow
from offload.system.netlink.route.messages import Notification

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = frozenset(reconcile.TABLE_NAMES)


class KernelEvents:
    """Reads the kernel's notifications, and requests a pass for changes that other programs made.

    `readers`: by descriptor, the method to call when it is readable. `counted`: the number of our own nft transactions
    up to the last call of the method `transactions`, which requests no pass for ours.
    """

    def __init__(self, engine: Engine, monitor: Monitor, watch: Debouncer, journal: Journal) -> None:
        self._engine, self._monitor, self._watch, self._journal = engine, monitor, watch, journal
        self.counted = 0
        self._followed = float("-inf")
        links, nft = monitor.descriptors
        self.readers: dict[int, Callable[[], None]] = {links: self.links, nft: self.transactions}

    def links(self) -> None:
        """Read notifications of links, addresses, neighbours and routes, and request a pass if something changed.

        If a station appeared at another port, or an address got another MAC, and `follow.ready`, the tables that may
        have its flows are created again at once (at most once in APART (0.5) seconds), and a pass is requested. After a
        change of routes, or lost notifications, `route_returns` notes which of our tables are to be created again;
        after forwarding was switched off, `rule_returns` notes it for all.
        """
        heard = self._monitor.links()
        for cause in heard.causes:
            self._hint(cause)
        what = max(heard.routes, ToReturn.LOST) if Cause.OVERRUN in heard.causes else heard.routes
        self._engine.route_returns.changed(what, self._engine.doors.clock())
        if heard.stopped:  # a packet of an offloaded flow does not come to where forwarding is asked for
            self._engine.rule_returns.stopped(self._engine.doors.clock())
        moved = False
        for seen in heard.seen:
            found = self._monitor.named(seen)
            if isinstance(found, tuple):
                station, master = found
                moved |= self._engine.stations.station(station, master)
            elif found is not None:
                moved |= self._engine.stations.neighbour(found)
        if moved:
            self._follow()

    def transactions(self) -> None:
        """Read notifications of nftables, and request a pass if another program changed what a pass depends on.

        A pass is requested for changes of tables, chains, rules or verdict maps (with our firewall as
        `causes_of_others` decides), and if notifications were lost. Its cause is TABLES, by which passes get slower,
        only if our tables or our firewall may have been changed. `rule_returns` notes that our tables are to be
        created again if elements changed in a set by which rules of others drop packets, or notifications were lost.
        Nothing is done for transactions of our own.
        """
        engine = self._engine
        sent = engine.doors.nft.transactions
        ours, self.counted = sent - self.counted, sent
        heard = self._monitor.transactions()
        lost = Cause.OVERRUN in heard.causes
        if heard.generations <= ours and not lost:
            return
        engine.touched |= lost or bool(heard.tables & OURS)
        engine.rule_returns.elements(heard.elements, engine.doors.clock())
        if lost:
            engine.rule_returns.changed(engine.doors.clock())
        causes = causes_of_others(engine, heard)
        causes += (Cause.RULES,) if engine.rule_returns.leads(heard.elements) else ()
        if lost or heard.tables & OURS or Cause.TABLES in causes:
            self._hint(Cause.TABLES)
        elif causes:
            self._hint(causes[0])

    def due(self, engine: Engine) -> float | None:
        """When to call `run`, in monotonic seconds; None: nothing waits, or a pass is due anyway, which does the same.

        What may wait: to create tables again for a station that moved again too soon, and to put the ports of a bridge
        back into flowtables, after they were out for some minutes because its stations moved too often.
        """
        return follow.due(engine) if self._watch.due() is None else None

    def run(self, engine: Engine, now: float) -> None:
        """Do what is due at `now` (monotonic seconds), as `due` describes it.

        Tables are created again here, or by the pass that is requested. Ports are put back by a pass.
        """
        self._follow()
        if engine.stations.moves.ended(now):
            self._hint(Cause.PORTS_RETURN)

    def _follow(self) -> None:
        # Flows to the old port of a station stall, so tables are created again at once. But at most once in APART
        # seconds, or a host that forges MAC addresses could keep the service, and every flow, busy; else only the pass
        # is requested.
        if not follow.ready(self._engine):
            return  # it has to wait, or no flow goes to the station
        now = time.monotonic()
        if now - self._followed >= APART:
            self._followed = now
            if follow.run(self._engine):
                self._journal.followed(self._engine.applied)
        self._hint(Cause.STATION)

    def _hint(self, cause: Cause) -> None:
        self._watch.hint(cause, time.monotonic())


def causes_of_others(engine: Engine, heard: Notification) -> tuple[Cause, ...]:
    """The causes (why, for the log) of the pass that a change of nftables by other programs needs; empty: none.

    Without our firewall they are those of `heard`. With it FIREWALL (rules in table fw4 changed) is removed from them,
    as rules that others add there need no pass. If rules were removed there, or notifications lost, the kernel is
    asked, and TABLES is added if some of ours are missing or cannot be listed. No OffloadError is raised.
    """
    if engine.firewall is None:
        return heard.causes
    causes = tuple(each for each in heard.causes if each is not Cause.FIREWALL)
    suspected = Cause.OVERRUN in causes or FIREWALL_TABLE in heard.removed
    return (*causes, Cause.TABLES) if suspected and firewall_damaged(engine) else causes


def firewall_damaged(engine: Engine) -> bool:
    """Whether rules of our firewall are missing in the kernel; True also if the kernel does not list its rules.

    False without the package offload-firewall, while the firewall is stopped, and while our rules are not known, as
    before the first pass.
    """
    try:
        return engine.firewall is not None and engine.firewall.damaged()
    except OffloadError:
        return True
