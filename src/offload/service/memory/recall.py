"""Read what an earlier service wrote to files: timed exempts, totals, and where stations were seen last.

`save_exempts` writes the file of exempts.
"""

from typing import TYPE_CHECKING

from offload.config.load import Packages, load
from offload.errors import OffloadError
from offload.nouns import replace
from offload.service import reconcile
from offload.service.counting import saved_totals
from offload.service.memory import saved_exempts, saved_stations

if TYPE_CHECKING:
    from offload.service.engine import Engine


def exempts(engine: "Engine", packages: Packages) -> None:
    """Take over the exempts (traffic kept slow) of an earlier service from their file, without those the engine has.

    They are added to `engine.timed_exempts`. Left out are those that have ended or are about to, name an unknown zone,
    or are not valid. `packages`: the configuration files; if one cannot be read, nothing is taken over, and the next
    pass calls this again. If the file of exempts cannot be read, a ubus event is queued, and it is not read again.
    """
    now = engine.doors.clock()
    try:
        content = engine.doors.saved.read()
    except OffloadError as refusal:
        engine.restored = True
        engine.news.append(("offload.degraded", {"error": str(refusal)}))
        return
    if content:  # usually there is none, and the first pass loads the configuration only once
        config, _ = load(packages)
        if not config.readable:
            return
        saved = saved_exempts.read(content, [zone.name for zone in config.zones], now)
        engine.timed_exempts.adopt(saved_exempts.missing(saved, engine.timed_exempts.ends), now)
    engine.restored = True


def stations(engine: "Engine") -> None:
    """Take over from a file where an earlier service saw stations (hosts behind bridges), to notice which moved.

    Nothing is done if none of our tables is in the kernel, or there is no file. If it cannot be read, a ubus event is
    queued, and nothing is added. NftError if the kernel does not list its tables.
    """
    if engine.doors.stations is None or not engine.doors.nft.tables() & set(reconcile.TABLE_NAMES):
        return
    try:
        engine.stations.restore(saved_stations.read(engine.doors.stations.read() or b""))
    except OffloadError as refusal:  # continue without: a station that moved is noticed later
        engine.news.append(("offload.degraded", {"error": str(refusal)}))


def totals(engine: "Engine") -> None:
    """Replace `engine.totals` (counts of ended connections) by those that an earlier service wrote to their file.

    `whole` is False then, as connections that ended while no service ran were not counted. Without a file, or with one
    that has no valid `since`, `engine.totals` stays; so it does if the file cannot be read, and a ubus event is queued.
    """
    if engine.doors.totals is None:
        return
    try:
        found = saved_totals.read(engine.doors.totals.read() or b"")
    except OffloadError as refusal:  # as if there were none
        engine.news.append(("offload.degraded", {"error": str(refusal)}))
        return
    if found is not None:
        engine.totals = replace(found, whole=False)


def save_exempts(engine: "Engine") -> None:
    """Write the exempts given at run time (traffic kept slow) to the file from which the next service takes them.

    Nothing is written before `exempts` is done with that file. If the write fails, nothing is raised, and a ubus event
    is queued.
    """
    if not engine.restored:
        return
    try:
        engine.doors.saved.write(saved_exempts.written(engine.timed_exempts.ends))
    except OffloadError as refusal:
        engine.news.append(("offload.degraded", {"error": str(refusal)}))
