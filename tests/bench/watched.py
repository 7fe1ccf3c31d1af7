"""`python -m bench.watched`: the service, which notes how long a hint may wait while it answers calls.

Between the parts of a long call the service has chances to look at the kernel's notifications. It takes the first one
MEANWHILE seconds after its last look, so that a hint waits for at most the longest stretch between two chances, and
MEANWHILE. That sum repeats; when it looks within a call depends on when it looked last. Times are of its own processor,
so that other programs do not count; a pass that it makes itself, because a hint was due, ends one stretch and begins
the next. The stand-in of python-ubus, which packs replies in Python where a router has C, is left out.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offload.service import loop, main
from offload.service.bus import ubus_object
from offload.service.engine import Engine

NOTED = Path("/run/offload-longest")  # seconds that a hint waits at most behind the last call


class Watch:
    """The time of the last chance to look for hints during a call, and the longest stretch, in processor seconds."""

    def __init__(self) -> None:
        self.last = self.longest = 0.0
        self.chances = 0

    def answer(self, engine: Engine, verb: ubus_object.Verb, given: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a call. Its end is a look, for the loop waits for hints again."""
        self.last, self.longest, self.chances = time.process_time(), 0.0, 0
        reply = ANSWER(engine, verb, given)
        self.note()
        NOTED.write_text(str(self.longest + (loop.MEANWHILE if self.chances else 0)))
        return reply

    def note(self) -> None:
        """Note the end of a stretch."""
        self.longest = max(self.longest, time.process_time() - self.last)


WATCH, ANSWER = Watch(), ubus_object.answer


class Watched(loop.Loop):
    """The loop, which notes its chances to look."""

    def _follow_meanwhile(self) -> None:
        WATCH.note()
        super()._follow_meanwhile()
        WATCH.last, WATCH.chances = time.process_time(), WATCH.chances + 1


if __name__ == "__main__":
    vars(loop).update(Loop=Watched)  # what `build` of main.py imports and makes
    vars(ubus_object).update(answer=WATCH.answer)  # what `objects` calls
    raise SystemExit(main.serve())
