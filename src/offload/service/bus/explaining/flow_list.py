"""The ubus method `flows`: a page of the list of connections, each with its path and the Reason for that, if any."""

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
    """A page of the forwarded connections that `query` of `given` selects, each with its path and the Reason for that.

    `query` has words of a Query (zone, host, state, sort, limit, offset), and `all`: true selects, besides, connections
    of the router itself, and to multicast or broadcast. The reply: `{"ok", "total": number selected, "offset", "limit",
    "flows": [...], "age": seconds since conntrack was read}`. A page has `limit` flows, without it 200, and in the
    service at most LARGEST_PAGE (500). ArgumentError or QueryError for a bad query; OffloadError if something cannot be
    read, such as connections.
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
    """Select flows by `query` of `given`: (reply, function that gives the flows as text).

    The reply is that of `list_flows` without `flows`. Without a limit in `query` all are selected, and `limit` is None.
    The function yields the text to print, in pieces: with True the whole reply as JSON, with False lines for people;
    its second argument is their width in columns. OffloadError if the query is bad, or connections or routes cannot be
    read.
    """
    decided = last_decision(engine)
    query, everything = _query(given, decided.plan)
    read = engine.connections.read(engine.doors.conntrack, engine.with_stations(decided), decided.plan)
    listing = engine.connections.listing(read, query, everything=everything)
    explainer = explainer_of(engine, read)
    first, end = query.offset, None if query.limit is None else query.offset + query.limit
    data: Json = {"ok": True, "total": len(listing), "offset": first, "limit": query.limit}
    data["age"] = engine.connections.age(read)

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
