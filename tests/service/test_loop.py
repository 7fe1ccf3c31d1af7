"""What the loop makes of the kernel's word that nftables changed: which of it is its own echo."""

import pytest

from offload.service.loop import Loop
from offload.service.watch import Watch
from offload.system.events import Told
from offload.system.hints import OVERRUN
from service.routers import router

OURS, THEIRS = frozenset({"flow_offload"}), frozenset({"fw4"})


class Kernel:
    """Stands where Hints stands; tells one thing."""

    def __init__(self, told: Told) -> None:
        self.told = told

    def transactions(self) -> Told:
        return self.told


def hinted(told: Told, sent: int) -> bool:
    """Whether a loop that has sent so many transactions takes this for news."""
    loop = Loop.__new__(Loop)  # without its sockets
    loop.service, loop.watch, loop._counted = router().service, Watch(), 0
    loop.hints = Kernel(told)  # type: ignore[assignment]
    loop.service.sent = sent
    loop._transactions()
    assert loop._counted == sent  # an echo that never came is not taken for the next one
    return loop.watch.due() is not None


@pytest.mark.parametrize(
    ("told", "sent", "news"),
    [
        (Told(generations=1, tables=OURS), 1, False),
        (Told(generations=1, tables=OURS, causes=("a table came or went",)), 1, False),
        (Told(generations=2, tables=OURS), 1, True),
        (Told(generations=1, tables=OURS), 0, True),
        (Told(generations=1, tables=THEIRS), 0, False),
        (Told(generations=1, tables=THEIRS, causes=("a table came or went",)), 0, True),
        (Told(generations=3, tables=OURS | THEIRS), 2, True),
        (OVERRUN, 1, True),
        (Told(), 1, False),
    ],
)
def test_only_what_is_more_than_our_own_is_news(told: Told, sent: int, *, news: bool) -> None:
    assert hinted(told, sent) is news
