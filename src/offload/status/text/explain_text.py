"""Print the reply of the method `explain`: why connections have their path. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from offload.status.text import flow_lines, layout

Json = Mapping[str, Any]
HOLDS = {"yes": "yes", "no": "no", "unasked": "-"}
INDENT = 4
NARROWEST = 20  # columns for the facts
EXAMPLES = ("198.51.100.9:443", "[2001:db8::9]:443")  # ends of documentation, by whether they are IPv6


def explain_text(reply: Json, width: int = 80) -> str:
    """The reply of `explain` as text, with lines folded at `width`.

    For one connection: all steps, a sentence, and what the user can do. For several: of each the sentence, and what the
    user can do. For none: what a new connection of the host asked about would get, and how to ask about one.
    """
    found = reply["explanations"]
    if not found:
        return _blocks(list(_expected(reply["expected"])), width)
    if len(found) == 1:
        return _blocks([list(_head(found[0])), list(_trace(found[0], width)), list(_end(found[0]))], width)
    lines = [line for each in found for line in (*_head(each), *(f"{' ' * INDENT}{line}" for line in _end(each)))]
    rest = reply["total"] - len(found)
    more = [f"Not shown: {rest} of {reply['total']} connections."] if rest else []
    ends = [*more, "'offload explain PROTO SRC:PORT DEST:PORT' shows each step for one of them."]
    return _blocks([lines, ends], width)


def _blocks(blocks: list[list[str]], width: int) -> str:
    return "\n\n".join(layout.fitted(block, width) for block in blocks)


def _expected(expected: Json) -> Iterator[list[str]]:
    host, fact = expected["host"], expected["fact"]
    yield [f"No connection of {host} is known now.", *[f"{fact}."] * bool(fact)]
    if expected["pairs"]:
        yield ["What one would get that it opens:"]
    for pair in expected["pairs"]:
        yield [f"{pair['src']} > {pair['dest']}", *(f"{' ' * INDENT}{line}" for line in _end(pair))]
    src, dest = (host, EXAMPLES[":" in host]) if expected["pairs"] else ("SRC", "DEST:PORT")
    yield ["To see each step for one connection, name its two ends:", f"{' ' * INDENT}offload explain tcp {src} {dest}"]


def _head(each: Json) -> Iterator[str]:
    flow = each["flow"]
    yield f"{flow_lines.connection(flow)}  {flow_lines.zones_of(flow)}"
    if each["hypothetical"]:
        yield "There is no such connection now; this is how far it would get once it is established:"


def _trace(each: Json, width: int) -> Iterator[str]:
    # A Reason with the text of its fact would repeat it, and one that concerns all pairs counts only where it is the
    # cause.
    names = max(len(step["name"]) for step in each["steps"])
    column = INDENT + 2 + names + 2
    for step in each["steps"]:
        reasons = (each for each in step["reasons"] if step["holds"] == "no" or each["code"] not in layout.OF_ALL)
        facts = [step["fact"], *(_reason(each) for each in reasons if each["text"] != step["fact"])]
        lines = layout.fitted(facts, max(width - column, NARROWEST)).split("\n")
        yield f"{HOLDS[step['holds']]:>{INDENT}}  {step['name']:{names}}  {lines[0]}".rstrip()
        yield from (f"{' ' * column}{line}" for line in lines[1:])


def _reason(reason: Json) -> str:
    return f"{', '.join(reason['devices'])}: {reason['text']}" if reason.get("devices") else reason["text"]


def _end(each: Json) -> Iterator[str]:
    yield each["sentence"]
    if each["remedy"]:
        yield f"What to do: {each['remedy']}."
