"""`python -m bench.watched`: the service, which notes how long it did not look for hints while it answered calls.

A look is one that reads the kernel's notifications. Times are of its own processor, so that other programs do not
count; a pass that it makes itself, because a hint was due, ends one stretch and begins the next. The stand-in of
python-ubus, which packs replies in Python where a router has C, is left out.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offload.service import loop, main
from offload.service.bus import ubus_object
from offload.service.engine import Engine

NOTED = Path("/run/offload-longest")  # seconds: the longest stretch since the file was removed


class Watch:
    """The time of the last look for hints during a call, and the longest one between two, in processor seconds."""

    def __init__(self) -> None:
        self.looked = self.longest = 0.0

    def answer(self, engine: Engine, verb: ubus_object.Verb, given: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a call; its end is a look, for the loop waits for hints again."""
        self.looked, self.longest = time.process_time(), 0.0
        reply = ANSWER(engine, verb, given)
        self.note(time.process_time())
        NOTED.write_text(str(self.longest))
        return reply

    def note(self, now: float) -> None:
        """Note a look."""
        self.longest = max(self.longest, now - self.looked)


WATCH, ANSWER = Watch(), ubus_object.answer


class Watched(loop.Loop):
    """The loop, which notes its looks."""

    def _follow_meanwhile(self) -> None:
        now, next_look = time.process_time(), self._follow_at
        super()._follow_meanwhile()
        if self._follow_at != next_look:
            WATCH.note(now)
            WATCH.looked = time.process_time()


if __name__ == "__main__":
    vars(loop).update(Loop=Watched)  # what `build` of main.py imports and makes
    vars(ubus_object).update(answer=WATCH.answer)  # what `objects` calls
    raise SystemExit(main.serve())
