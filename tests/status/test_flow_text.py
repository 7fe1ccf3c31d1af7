"""The fast text of flows is that of `report` and `tables`."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from offload.model.flow import Entry
from offload.status import report
from offload.status.flows import flows
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
    listed = [report.flow_json(flow) for flow in every]
    assert [json.loads(text) for text in flow_text.json_texts(every)] == listed
    assert "\n".join(flow_text.lines(every, listed, width)) == flow_lines.flows_text(listed, width)
