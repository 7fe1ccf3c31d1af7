"""Turn fw4's global switch into our mode and back: write the options, reload the firewall, make a pass.

procd reloads the firewall itself once it hears that /etc/config/firewall changed: its init script has a reload trigger
for that file (procd's service/trigger.c; rpcd's `uci apply` sends the same event).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from offload.config import edits
from offload.errors import BusError, FileError
from offload.model.plan import Plan
from offload.model.problems.problem import Problem, ProblemCode
from offload.service.bus.choices import changed_pairs
from offload.service.bus.methods import applied_json, found_json
from offload.service.doors import Uci
from offload.service.engine import Engine

Json = dict[str, Any]
Planned = Callable[..., list[edits.Write]]

CHANGED = {"type": "config.change", "data": {"package": "firewall"}}


def take(uci: Uci, *, once: bool = False) -> bool:
    """Write the take-over; whether there was anything to take. FileError where a file cannot be read or written."""
    return _written(uci, partial(edits.takeover, once=once))


def give(uci: Uci, *, forget: bool = False) -> bool:
    """Write the way back; whether there was anything to give. FileError as for `take`."""
    return _written(uci, partial(edits.giveback, forget=forget))


def takeover(engine: Engine, _: Mapping[str, Any]) -> Json:
    """Answer `takeover`: write, have the firewall reloaded, and apply."""
    return _answered(engine, take)


def giveback(engine: Engine, _: Mapping[str, Any]) -> Json:
    """Answer `giveback`: write, have the firewall reloaded, and apply."""
    reply = _answered(engine, give)
    if "problems" in reply:  # that fw4 offloads again is what was asked for
        reply["problems"] = [each for each in reply["problems"] if each["code"] != ProblemCode.FW4_OFFLOADS.name]
    return reply


def _answered(engine: Engine, write: Callable[[Uci], bool]) -> Json:
    if not write(engine.doors.uci):
        return {"ok": True, "changed": False}
    before = engine.decided.plan if engine.decided else Plan()
    reloading = _reload_firewall(engine)
    applied = engine.work()
    after = engine.decided.plan if engine.decided else before
    pairs = changed_pairs(before, after)
    return applied_json(applied) | {"changed": True, "reloading": reloading, "pairs": pairs} | found_json(engine)


def _reload_firewall(engine: Engine) -> bool:
    """Whether procd was notified that the firewall's configuration changed."""
    try:
        engine.doors.bus.tell("service", "event", CHANGED)
    except BusError:
        return False
    return True


def _written(uci: Uci, planned: Planned) -> bool:
    packages = {name: uci.read(name) for name in ("firewall", "offload")}
    for found in packages.values():
        if isinstance(found, Problem) and found.fault is not ProblemCode.FILE_MISSING:
            raise FileError(str(found))
    writes = planned(*(() if isinstance(found, Problem) else found for found in packages.values()))
    _write(uci, writes)
    return any(package == "firewall" for package, _ in writes)


def _write(uci: Uci, writes: list[edits.Write]) -> None:
    """Write one file after the other. A refusal names its own file, so the sentence adds what was written before it."""
    written: list[str] = []
    for package, changes in writes:
        try:
            uci.write(package, changes)
        except FileError as refusal:
            if not written:
                raise
            raise FileError(f"{refusal}; written before that: {', '.join(written)}") from refusal
        written += [f"{package}.{each.section}.{each.option}='{each.value or ''}'" for each in changes]
