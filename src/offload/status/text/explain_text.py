"""The reply of `explain` as text: the steps of one connection, or a sentence for each of several. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from offload.status.text import flow_lines, layout

Json = Mapping[str, Any]
HOLDS = {"yes": "yes", "no": "no", "unasked": "-"}
INDENT = 4
NARROWEST = 20  # columns for the facts


def explain_text(reply: Json, width: int = 80) -> str:
    """The reply of `explain` as text: all steps of one connection, or a sentence for each of several.

    A sentence says so if no connection is known.
    """
    found = reply["explanations"]
    if not found:
        return "No connection of it is known now."
    if len(found) == 1:
        return _blocks([list(_head(found[0])), list(_trace(found[0], width)), list(_end(found[0]))], width)
    lines = [line for each in found for line in (*_head(each), *(f"{' ' * INDENT}{line}" for line in _end(each)))]
    rest = reply["total"] - len(found)
    more = [f"{rest} more connections are not shown."] if rest else []
    ends = [*more, "'offload explain PROTO SRC:PORT DEST:PORT' shows each step for one of them."]
    return _blocks([lines, ends], width)


def _blocks(blocks: list[list[str]], width: int) -> str:
    return "\n\n".join(layout.fitted(block, width) for block in blocks)


def _head(each: Json) -> Iterator[str]:
    flow = each["flow"]
    yield f"{flow_lines.connection(flow)}  {flow_lines.zones_of(flow)}"
    if each["hypothetical"]:
        yield "There is no such connection now; this is how far it would get once it is established:"


def _trace(each: Json, width: int) -> Iterator[str]:
    """The lines of an explanation's steps: facts in a column of their own, with Reasons below them.

    A Reason with the same text as its fact is left out.
    """
    names = max(len(step["name"]) for step in each["steps"])
    column = INDENT + 2 + names + 2
    for step in each["steps"]:
        facts = [step["fact"], *(reason["text"] for reason in step["reasons"] if reason["text"] != step["fact"])]
        lines = layout.fitted(facts, max(width - column, NARROWEST)).split("\n")
        yield f"{HOLDS[step['holds']]:>{INDENT}}  {step['name']:{names}}  {lines[0]}".rstrip()
        yield from (f"{' ' * column}{line}" for line in lines[1:])


def _end(each: Json) -> Iterator[str]:
    yield each["sentence"]
    if each["remedy"]:
        yield f"What to do: {each['remedy']}."
