"""What was asked for each pair, without the hardware that took none of its flows. Pure."""

from collections.abc import Iterable

from offload.compiler.offload.requests import PairRequest
from offload.model.config import Mode
from offload.model.network import GivenUp
from offload.model.plan import ReasonCode
from offload.nouns import replace


def without_given_up(wishes: Iterable[PairRequest], given_up: Iterable[GivenUp]) -> list[PairRequest]:
    """The same requests; those in hardware for which it was given up are software, with the reason."""
    flows = {each.pair: each.flows for each in given_up if each.pair}
    return [_lowered(wish, flows.get((wish.src, wish.dest))) for wish in wishes]


def _lowered(wish: PairRequest, flows: int | None) -> PairRequest:
    if flows is None or wish.mode is not Mode.HARDWARE:
        return wish
    return replace(wish, mode=Mode.SOFTWARE, reasons=(*wish.reasons, ReasonCode.HARDWARE_GIVEN_UP(count=flows)))
