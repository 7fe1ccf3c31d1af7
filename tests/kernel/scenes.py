"""Which Reasons have a live scene: a kernel test in which `explain` gives the Reason for real traffic.

`shows` marks such tests. tests/status/test_explain.py fails if a Reason has none and is not in NOT_LIVE.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

from offload.model.problems.reason import ReasonCode

WHY = ReasonCode
P = ParamSpec("P")

NO_TRAFFIC = "no packet passes a zone without a device: `status` gives it"
# The Reasons that no connection has on the kernels of the tests, and why.
NOT_LIVE: Mapping[ReasonCode, str] = {
    WHY.ZONE_WITHOUT_DEVICES: NO_TRAFFIC,
    WHY.ZONE_OF_SUBNETS: NO_TRAFFIC,
    WHY.NO_FLOWTABLE: "it is of a device that is in no zone: `status` gives it",
    WHY.DSA_CONDUIT: "it needs a switch with a driver for DSA",
    WHY.PPPOE_PARENT: "it is of older kernels: Linux before 5.15.157, 6.1.88, 6.6.29 and 6.8.8",
}

LIVE: set[ReasonCode] = set()  # those of the tests that were imported
_answered: set[str] = set()  # since the present test began


class Step(NamedTuple):
    """A step of an explanation: its fact, whether the condition holds, and the codes of its Reasons."""

    fact: str
    holds: str
    codes: tuple[str, ...]


class Explained(NamedTuple):
    """The explanation of one connection: the code of its conclusion (empty: as fast as requested), and its steps."""

    code: str
    steps: Mapping[str, Step]


def explained(reply: Mapping[str, Any]) -> Explained:
    """The explanation of the one live connection in a reply of `explain`."""
    (found,) = reply["explanations"]
    assert not found["hypothetical"]
    steps = {
        step["name"]: Step(step["fact"], step["holds"], tuple(each["code"] for each in step["reasons"]))
        for step in found["steps"]
    }
    _answered.update((found["code"], *(code for step in steps.values() for code in step.codes)))
    return Explained(found["code"], steps)


def shows(*codes: ReasonCode) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Mark a test as the live scene of these Reasons. It fails unless `explained` met each of them.

    A test with a parameter `scene` has to meet those of the scene's `answers` alone.
    """
    LIVE.update(codes)

    def marked(test: Callable[P, None]) -> Callable[P, None]:
        @wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            _answered.clear()
            test(*args, **kwargs)
            scene: Any = kwargs.get("scene")
            wanted = codes if scene is None else scene.answers
            assert {each.name for each in wanted} <= _answered

        return run

    return marked
