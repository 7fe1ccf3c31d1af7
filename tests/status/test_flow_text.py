"""The fast text of flows is that of `report` and `tables`."""

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.flow import Entry
from offload.status.flows import flows
from offload.status.listing import Explainer
from offload.status.reply.flow_reply import flow_json
from offload.status.shares import ShareCount
from offload.status.text import flow_lines, flow_text
from status.routers import HOME, pair, plan, zone
from status.test_listing import entries

HARD = plan(
    pair("lan", "wan", after=3),
    pair("guest", "wan", *[]),
    zones=(zone("lan", "br-lan"), zone("wän\x1b", "wan")),
)


@settings(deadline=None)
@given(st.lists(entries, max_size=8), st.integers(20, 120))
def test_json(found: list[Entry], width: int) -> None:
    every = flows(found, HOME, HARD, everything=True)
    listed = [flow_json(flow) for flow in every]
    count = ShareCount(HOME, HARD)
    count.add(entry.row for entry in found)
    explainer, rows = (
        Explainer(count.ways, HOME, HARD),
        [*zip(count.way_of, (each.values for each in found), strict=True)],
    )
    assert [json.loads(text) for text in flow_text.json_texts(rows, explainer)] == listed
    assert json.loads("\n".join(flow_text.document({"ok": True}, rows, explainer))) == {"ok": True, "flows": listed}
    text = "\n".join(flow_text.lines(rows, Counter(count.way_of), explainer, width))
    assert text == flow_lines.flows_text(listed, width)
