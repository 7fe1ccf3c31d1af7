"""Judge pairs (zone > zone) in hardware by their live connections: one sample of the counters."""

from datetime import UTC, datetime

from offload.errors import OffloadError
from offload.model.flow import Entries, Row
from offload.model.network import GivenUp
from offload.model.problems.reason import ReasonCode
from offload.service.engine import HARDWARE, Engine
from offload.service.hardware.sampled_flows import collected
from offload.status.lookup.zone_lookup import ZoneLookup


def due(engine: Engine) -> float | None:
    """When to take the next sample, in monotonic seconds, perhaps in the past.

    None: no pair is in hardware, and none that left it may still have flows there.
    """
    return engine.hardware_monitor.due


def run(engine: Engine, entries: Entries | None = None) -> None:
    """Sample the flows of pairs (zone > zone) in hardware, find faults, and queue a ubus event for each new one.

    `entries`: connections that were read just now; None: they are read here. If hardware takes none of the flows of a
    pair, of one family of a pair, or of a device, passes request no hardware there for the hours of option
    `hardware_retry`. Nothing is done if no pair needs a sample, or each had one in the last 2 seconds. If something
    cannot be read, or a pass is made meanwhile, nothing is raised, and the next sample is due later. Where no service
    runs, one sample judges the pairs, without an event.
    """
    decided, doors, now = engine.decided, engine.doors, engine.doors.clock()
    if decided is None or not engine.hardware_monitor.may_sample(now):
        return
    try:
        placed, between = engine.with_routes(decided), doors.conntrack.between
        read = doors.conntrack.listed(_Uncounted)[1] if entries is None else entries
        flows = collected(engine.hardware_monitor.known, read, ZoneLookup(placed, decided.plan), between)
        strays, received = doors.nft.strays(HARDWARE), doors.netlink.received()
    except OffloadError:  # `status` and the next pass report it; here it costs a sample
        engine.hardware_monitor.sample_failed(now)
        return
    if engine.decided is not decided:
        engine.hardware_monitor.sample_failed(now)
        return
    if not engine.resident:  # there is no second sample to compare with
        engine.hardware_monitor.add_only_sample(flows, placed, decided.plan, strays)
        return
    time = datetime.now(UTC).isoformat(timespec="seconds")
    known = engine.stations.known
    wrong = engine.hardware_monitor.add_sample(flows, placed, decided.plan, strays, received, now, time, known)
    engine.news += [("offload.degraded", {"error": f"{src} > {dest}: {why.text}"}) for (src, dest), why in wrong]
    retry = decided.config.globals.hardware_retry * 3600.0
    given_up = engine.give_up.judge(engine.hardware_monitor.cases, engine.hardware_monitor.ports, now, retry)
    engine.hardware_monitor.forget_families(given_up)
    engine.news += [("offload.degraded", {"error": f"{each.name}: {_given_up(each)}"}) for each in given_up]
    engine.bound_news()


class _Uncounted:
    def add(self, rows: list[Row]) -> None:
        """Ignore the rows that `conntrack.listed` gives its counter: only the entries of the dump are needed."""


def requests_changed(engine: Engine) -> bool:
    """Whether a pass is due because hardware was given up since the last call, or is to be requested again.

    What flows showed of a device for which it is requested again is forgotten.
    """
    for each in engine.give_up.ended(engine.doors.clock()):
        engine.hardware_monitor.ports.pop(each.device, None)  # what its flows showed before counts no longer
    return engine.give_up.news()


def _given_up(what: GivenUp) -> str:
    if what.family:
        return ReasonCode.HARDWARE_FAMILY_GIVEN_UP(count=what.flows, family=what.family).text
    return ReasonCode.HARDWARE_GIVEN_UP(count=what.flows).text
