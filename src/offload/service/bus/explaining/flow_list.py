"""The ubus method `flows`: a part of a long list of connections, each with the Reasons why it is slow."""

from collections.abc import Callable, Iterator

from offload.model.plan import Plan
from offload.nouns import replace
from offload.service.bus import arguments
from offload.service.bus.arguments import ArgumentError
from offload.service.bus.explaining.accepted import explainer_of
from offload.service.bus.methods import Given, Json, last_decision
from offload.service.engine import Engine
from offload.status.query import Query
from offload.status.query_words import PAGE
from offload.status.reply.flow_reply import flow_json
from offload.status.text import flow_text

LARGEST_PAGE = 500


def list_flows(engine: Engine, given: Given) -> Json:
    """A page of the forwarded connections that `query` of `given` selects, with Reasons; `total` counts all selected.

    `query` has the words of a Query (zone, host, state, sort, limit, offset), and `all`: true also lists connections of
    the router itself and to multicast. `flows` has the page: `limit` of them (200 without it), in the service at most
    LARGEST_PAGE (500). `age`: seconds since the connections were read, as a dump for an earlier call may be used again.
    Bad words raise ArgumentError or QueryError; OffloadError if something cannot be read, such as connections.
    """
    decided = last_decision(engine)
    query, everything = _query(given, decided.plan)
    limit = PAGE if query.limit is None else query.limit
    asked = replace(query, limit=min(limit, LARGEST_PAGE) if engine.resident else limit)
    first, end = asked.offset, asked.offset + (asked.limit or 0)
    placed, between = engine.with_stations(decided), engine.doors.conntrack.between
    read = engine.connections.read(engine.doors.conntrack, placed, decided.plan, going_on=first > 0)
    listing = engine.connections.listing(read, query, everything=everything, between=between)
    explainer = explainer_of(engine, read)
    listed: list[Json] = []
    for row in listing.rows(first, end):
        between()
        listed.append(flow_json(explainer.flow(*row)))
    return {"ok": True, "total": len(listing), "offset": first, "limit": asked.limit, "flows": listed} | {
        "age": engine.connections.age(read)
    }


def every_flow(engine: Engine, given: Given) -> tuple[Json, Callable[[bool, int], Iterator[str]]]:
    """(reply without `flows`, function) for the flows that `query` of `given` selects: all, unless it has a limit.

    The function gives the text to print, in pieces: with True the whole reply as JSON, with False lines for people,
    which are as wide as its second argument, in columns. OffloadError if the query is bad, or connections or routes
    cannot be read.
    """
    decided = last_decision(engine)
    query, everything = _query(given, decided.plan)
    read = engine.connections.read(engine.doors.conntrack, engine.with_stations(decided), decided.plan)
    listing = engine.connections.listing(read, query, everything=everything)
    explainer = explainer_of(engine, read)
    first, end = query.offset, None if query.limit is None else query.offset + query.limit
    data = {"ok": True, "total": len(listing), "offset": first}

    def written(as_json: bool, columns: int) -> Iterator[str]:
        rows = listing.rows(first, end)
        if as_json:
            return flow_text.document(data, rows, explainer)
        return flow_text.lines(rows, listing.ways(first, end), explainer, columns)

    return data, written


def _query(given: Given, plan: Plan) -> tuple[Query, bool]:
    words = dict(arguments.table("query", given.get("query")))
    everything = words.pop("all", False)
    if not isinstance(everything, bool):
        raise ArgumentError(f"all: {arguments.shown(everything)} is neither true nor false")
    return Query.of(words, [zone.name for zone in plan.zones]), everything
