"""Replace fw4's option flow_offloading by our mode, and back: write the options, reload the firewall, make a pass.

To reload the firewall, procd is notified that /etc/config/firewall changed: the firewall's init script has a reload
trigger for that file (procd's service/trigger.c; rpcd's `uci apply` sends the same event).
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
    """Write the mode of fw4's flow_offloading to /etc/config/offload, and switch flow_offloading off in fw4's file.

    True: both were done. False: /etc/config/firewall was not changed, as fw4's option is off, or, with `once`, as this
    ran before or our mode would have no effect. `once` (on the first boot and on installation): write nothing if this
    ran before, and note in /etc/config/offload that it ran, also where the result is False. FileError if a file cannot
    be read or written (earlier writes stay, and the error names them), or, without `once`, if our mode would have no
    effect.
    """
    return _written(uci, partial(edits.takeover, once=once))


def give(uci: Uci, *, forget: bool = False) -> bool:
    """Undo `take` in the files: switch fw4's flow_offloading on again, and set our mode in `config globals` to none.

    False: /etc/config/firewall was not changed, because nothing was taken over, one of these options changed since, our
    mode has no effect now (as with `enabled 0`), or a zone or pair has a lower one. `forget` (for the removal of the
    package): also remove the note of the take-over, even then. FileError if a file cannot be read or written; earlier
    writes stay, and the error names them.
    """
    return _written(uci, partial(edits.giveback, forget=forget))


def takeover(engine: Engine, _: Mapping[str, Any]) -> Json:
    """The method `takeover`: replace fw4's option flow_offloading by our mode, reload the firewall, and make a pass.

    The reply is `{"ok": True, "changed": False}` if /etc/config/firewall was not changed. Else it has the outcome of
    the pass, `changed` (True), `reloading` (whether procd was notified), `pairs` (those of zones whose effective mode
    changed), `problems` and `missing` (features). FileError if a file cannot be read or written, or our mode would have
    no effect.
    """
    return _answered(engine, take)


def giveback(engine: Engine, _: Mapping[str, Any]) -> Json:
    """The method `giveback`: undo `takeover` in the files, reload the firewall, and make a pass; the reply is as there.

    But its `problems` lack FW4_OFFLOADS (fw4 offloads too), which was asked for. FileError if a file cannot be read or
    written.
    """
    reply = _answered(engine, give)
    if "problems" in reply:  # fw4 offloads again, as requested: this problem is not reported
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
    # if a write fails, those before it stay, so the error names their options
    written: list[str] = []
    for package, changes in writes:
        try:
            uci.write(package, changes)
        except FileError as refusal:
            if not written:
                raise
            raise FileError(f"{refusal}; written before that: {', '.join(written)}") from refusal
        written += [f"{package}.{each.section}.{each.option}='{each.value or ''}'" for each in changes]
