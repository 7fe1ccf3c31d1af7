"""The lines in the system log about passes, tables that were created again, and faults.

A pass is compared with the one that was logged before it: what both have gets no second line.
"""

from collections.abc import Callable, Iterable, Iterator

from offload.model.applied import Applied
from offload.model.cause import Cause
from offload.model.log import LogLevel
from offload.model.network import Lack, Snapshot
from offload.model.plan import PairDecision, Plan, Table
from offload.model.problems.problem import Problem
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import dataclass, field, replace
from offload.service.doors import Log
from offload.service.reconcile import Decided

BURST = 20  # lines at once
APART = 3.0  # seconds until one more line is allowed
DEFAULT_LEVEL = LogLevel.INFO
CHOICES = ("globals", "zone_choices", "pair_choices", "exempts")  # of the Config: from /etc/config/offload
Pair = tuple[str, str]
OTHER_RULES = "our tables have other rules (exempts, after_packets, families)"
MADE_AGAIN = "a device was made again, and our tables have its new index"
REPAIRED = "the kernel had something else in our tables, and has them again"


@dataclass(slots=True)
class Journal:
    """Writes lines to the system log, if as important as `level` or more.

    BURST (20) may come at once, then one in APART (3) seconds. Others are dropped, and a line has their number.
    """

    log: Log  # to write to
    clock: Callable[[], float]  # seconds that never jump
    level: LogLevel = DEFAULT_LEVEL  # of option log_level
    _decided: Decided | None = None  # reported last
    _applied: Applied = field(default_factory=Applied)  # reported last
    _trouble: str = ""  # reported last
    _faults: frozenset[str] = frozenset()  # of the configuration, reported last
    _hardware: frozenset[tuple[Pair, str]] = frozenset()  # faults of pairs in hardware, reported last
    _left: float = BURST  # lines that may be written now
    _at: float = float("-inf")  # when `_left` was computed
    _dropped: int = 0  # lines that were not written since the last one

    def line(self, level: LogLevel, text: str) -> None:
        """Write a line. It is dropped if it is less important than the field `level`, or too many came just now.

        Before the next line after those that were too many comes a line with their number.
        """
        if level > self.level:
            return
        now = self.clock()
        self._left, self._at = min(BURST, self._left + (now - self._at) / APART), now
        if self._left < 1:
            self._dropped += 1
            return
        self._left -= 1
        if self._dropped:
            self.log.write(LogLevel.WARNING, f"{self._dropped} lines before this one are left out: too many at once")
            self._dropped = 0
        self.log.write(level, text)

    def passed(self, cause: Cause, decided: Decided | None, applied: Applied, trouble: str) -> None:
        """Log what a pass changed: modes of pairs (zone > zone), devices, new Problems, a new error or its end.

        `cause`: of the pass, logged if nothing that was read differs. `decided`: the decision in force, whose option
        log_level holds from now on; None: there is none. `trouble`: the error of the pass or of the firewall's load,
        why a file for its next start cannot be written, or what kernel and nft lack; empty: none. After an error,
        changed pairs and devices are logged by the next call for a pass without one.
        """
        if decided is not None:
            self.level = decided.config.globals.log_level
        self._of_trouble(applied, trouble, decided.snapshot.kernel.missing if decided else ())
        before, plan = self._decided, decided.plan if decided else Plan()
        if not applied.error and decided is not None:
            why = "start" if before is None else reason_of_change(before, decided, cause)
            self._of_bridges(before.snapshot if before else Snapshot(), decided.snapshot)
            self._of_change(why, before.plan if before else Plan(), plan, applied)
            self._decided = decided
        if decided is not None:
            self._of_problems(decided.problems)
        self._applied = applied

    def followed(self, applied: Applied, cause: Cause = Cause.STATION) -> None:
        """Log which tables were created again, whose flows are on the slow path for a moment, and why (`cause`).

        Nothing is logged if `applied` created no table again, or has the same generation (number of passes and returns
        that changed the kernel so far) as in the last call of this or of `passed`.
        """
        if applied.returned and applied.generation != self._applied.generation:
            self.line(LogLevel.INFO, f"{cause.value}: {_returned(applied.returned)}")
        self._applied = applied

    def hardware(self, found: Iterable[tuple[Pair, Iterable[Reason]]]) -> None:
        """Log a warning for each kind of fault of a pair in hardware that the last call did not have.

        `found`: (pair, its faults) for all pairs that have faults now.
        """
        reasons = {(pair, reason.code.name): reason.text for pair, some in found for reason in some}
        for (src, dest), code in sorted(reasons.keys() - self._hardware):
            self.line(LogLevel.WARNING, f"{src} > {dest}: {reasons[(src, dest), code]}")
        self._hardware = frozenset(reasons)

    def _of_trouble(self, applied: Applied, trouble: str, lacks: Iterable[Lack]) -> None:
        if trouble == self._trouble:
            return
        if applied.error:
            self.line(LogLevel.ERR, f"the last good state stays, and it is tried again: {applied.error}")
        elif trouble:
            lacking = trouble == "; ".join(map(str, lacks))  # else it is the firewall's alone, and offload goes on
            self.line(LogLevel.WARNING, f"nothing can be offloaded: {trouble}" if lacking else trouble)
        else:
            self.line(LogLevel.NOTICE, "works again")
        self._trouble = trouble

    def _of_bridges(self, before: Snapshot, after: Snapshot) -> None:
        was, now = _restless(before), _restless(after)
        for bridge in sorted(now - was):
            self.line(LogLevel.WARNING, ReasonCode.STATIONS_MOVE(master=bridge).text)
        for bridge in sorted(was - now):
            self.line(LogLevel.NOTICE, f"stations of {bridge} are followed again: its ports may be listed")

    def _of_change(self, why: str, before: Plan, after: Plan, applied: Applied) -> None:
        changes = [*_pair_changes(before, after), *_device_changes(before, after)]
        fresh = applied.generation != self._applied.generation
        changes += ["the firewall was loaded"] * applied.loaded
        if fresh and (returned := {table.name for table in after.tables} & set(applied.returned)):
            changes.append(_returned(sorted(returned)))
        if fresh and not changes:
            changes = [_of_tables(before.tables, after.tables)]
        if changes:
            self.line(LogLevel.INFO, f"{why}: {'; '.join(changes)}")
        else:
            self.line(LogLevel.DEBUG, f"{why}: nothing to change")

    def _of_problems(self, problems: Iterable[Problem]) -> None:
        faults = {str(problem): None for problem in problems}
        for fault in sorted(faults.keys() - self._faults):
            self.line(LogLevel.WARNING, fault)
        self._faults = frozenset(faults)


def reason_of_change(before: Decided, after: Decided, cause: Cause) -> str:
    """What differs between the inputs of two passes, as words for the log; of several only the first in a fixed order.

    The order: /etc/config/offload, /etc/config/firewall, bridges whose stations move too often, devices, networks,
    addresses, kernel. If none of these differs, the words of `cause`.
    """
    return next((sentence for holds, sentence in _differences(before, after) if holds), cause.value)


def _differences(before: Decided, after: Decided) -> Iterator[tuple[bool, str]]:
    # the order is that of importance: the first that holds is logged
    was, now, then, seen = before.config, after.config, before.snapshot, after.snapshot
    yield any(getattr(was, name) != getattr(now, name) for name in CHOICES), "/etc/config/offload changed"
    yield was != now, "/etc/config/firewall changed"
    yield _restless(then) != _restless(seen), "stations moved too often, or do so no longer"
    devices = sorted({link.name for link in then.links} ^ {link.name for link in seen.links})
    yield bool(devices), f"device{'s' * (len(devices) > 1)} {_some(devices)} came or went"
    yield then.networks != seen.networks, "a network came up or went down"
    yield (then.links, then.addresses) != (seen.links, seen.addresses), "a device or address changed"
    yield then.kernel != seen.kernel, "kernel or nft can do something else now"


def _of_tables(before: tuple[Table, ...], after: tuple[Table, ...]) -> str:
    if before == after:
        return REPAIRED
    # without what depends on devices alone
    by_name = [
        tuple(replace(table, indexes=(), common="", absent="") for table in tables) for tables in (before, after)
    ]
    return MADE_AGAIN if by_name[0] == by_name[1] else OTHER_RULES


def _restless(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(link.name for link in snapshot.links if link.restless)


def _pair_changes(before: Plan, after: Plan) -> Iterator[str]:
    was = {(pair.src, pair.dest): pair.effective.value for pair in before.pairs}
    now = {(pair.src, pair.dest): pair for pair in after.pairs}
    for pair in sorted(was.keys() | now.keys()):
        then, here = was.get(pair, "none"), now.get(pair)
        effective = here.effective.value if here else "none"
        if then != effective:
            yield f"{pair[0]} > {pair[1]} {then} -> {effective}{_why_less(here)}"


def _why_less(pair: PairDecision | None) -> str:
    less = pair is not None and pair.effective < pair.mode
    return f" ({pair.reasons[0].text})" if pair and less and pair.reasons else ""


def _device_changes(before: Plan, after: Plan) -> Iterator[str]:
    for sign, plan, other in (("+", after, before), ("-", before, after)):
        has = {table.flowtable: set(table.devices) for table in other.tables}
        for table in plan.tables:
            devices = sorted(set(table.devices) - has.get(table.flowtable, set()))
            if devices:
                yield f"{table.flowtable} {sign} {_some(devices)}"


def _returned(tables: Iterable[str]) -> str:
    return f"the flows of {' and '.join(tables)} take the slow path for a moment"


def _some(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
