"""The verbs `top` and `totals`: how much flows, hosts and pairs of zones move now, and have moved so far."""

import sys
import time
from typing import TYPE_CHECKING, Any

from offload.cli import terminal
from offload.cli.answer import Answer, Exit, left_off
from offload.cli.router import Router
from offload.errors import OffloadError, UsageError
from offload.model.text.shown import shown
from offload.model.text.similar import did_you_mean
from offload.status.query_words import PAGE
from offload.status.text import totals_text
from offload.status.text.top import BY, rates, top_text

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection

MOST = 500  # flows in an answer of the service: those with the most bytes
CLEAR = "\033[H\033[J"
SHORTEST, LONGEST = 1, 3600  # seconds between two views


def top(router: Router, given: "Namespace") -> Answer:
    """The verb `top`: print the present rates of flows, hosts or pairs of zones (--by), once per --every seconds.

    It ends after --count views (without it after one, if stdout is no terminal), or with Ctrl-C. Counted are the MOST
    (500) flows with the most bytes so far. With --json nothing is printed here: the data of the Answer is the last
    view, `{"ok": true, "by": ..., "rates": [{"name": ..., "bits": {PATH: bit/s}, "packets": packets/s}]}`. UsageError
    for a bad option; OffloadError if a reply has an error.
    """
    _known(given.by, BY)
    every, views = _number("--every", given.every, LONGEST), _number("--count", given.count, 1_000_000)
    live = sys.stdout.isatty()
    views = views or (0 if live else 1)  # 0: until Ctrl-C
    before, since, _ = _flows(router)
    data: dict[str, Any] = {"ok": True, "by": given.by, "rates": []}
    seen = 0
    try:
        while not views or seen < views:
            time.sleep(max(every, SHORTEST))
            flows, now, age = _flows(router)
            if age and now - since < SHORTEST / 2:
                continue  # with many connections the service uses one dump for several calls
            found = rates(before, flows, now - since, given.by)
            before, since, seen = flows, now, seen + 1
            if given.json:
                data["rates"] = [{"name": each.name, "bits": each.bits, "packets": each.packets} for each in found]
            else:
                text = top_text(found, given.by, terminal.width(), terminal.height())
                sys.stdout.write(f"{CLEAR if live else ''}{text}\n")
                sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    return Answer("", data)


def totals(router: Router, given: "Namespace") -> Answer:
    """The verb `totals`: show flows, and bytes by path, of hosts or pairs of zones (--by), since counting began.

    Those with the most bytes come first. UsageError for a bad --by or --limit. If the reply has an error, as where no
    service runs, the Answer has it as its note, and the exit code FAILED.
    """
    _known(given.by, totals_text.BY)
    most = _number("--limit", given.limit, 1_000_000) or PAGE
    data = router.live_reply("totals", {})
    if "error" in data:
        return Answer("", data, Exit.FAILED, (data["error"],))
    count = len(data[totals_text.BY[given.by]])
    notes = (f"{most} of {count} {given.by}s: --limit shows the others",) if count > most else ()
    text = totals_text.totals_text(data, given.by, most, terminal.width())
    return Answer(text, data, notes=(*notes, *left_off(data)))


def _flows(router: Router) -> tuple[list[dict[str, Any]], float, float]:
    # flows with the most bytes, when they were read (seconds of `time.monotonic`), and their age in seconds
    data = router.live_reply("flows", {"query": {"limit": MOST}})
    if "error" in data:
        raise OffloadError(data["error"])
    return data["flows"], time.monotonic() - data["age"], data["age"]


def _known(by: str, words: "Collection[str]") -> None:
    if by not in words:
        raise UsageError(f"--by: '{shown(by)}' is not known here{did_you_mean(by, words)}: use {', '.join(words)}")


def _number(name: str, word: str | None, most: int) -> int:
    if word is None:
        return 0
    if word.isascii() and word.isdigit() and len(word) <= len(str(most)) and 1 <= int(word) <= most:
        return int(word)
    raise UsageError(f"{name}: '{word[:20]}' is not a whole number from 1 to {most}")
