"""The requests, without hardware that took none of a pair's flows. Pure."""

from collections.abc import Iterable, Mapping

from offload.compiler.offload.pairs.requests import Pair, PairRequest
from offload.model.config import Family, Mode
from offload.model.network import GivenUp
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import replace


def without_given_up(wishes: Iterable[PairRequest], given_up: Iterable[GivenUp]) -> list[PairRequest]:
    """The same requests; those in hardware for which it was given up are software, with the reason.

    Where it was given up for one family, `hardware_family` is the other one.
    """
    found = {(each.pair, each.family): each.flows for each in given_up if each.pair}
    return [_lowered(wish, found) if wish.mode is Mode.HARDWARE else wish for wish in wishes]


def _lowered(wish: PairRequest, given_up: Mapping[tuple[Pair, str], int]) -> PairRequest:
    pair = (wish.src, wish.dest)
    if (flows := given_up.get((pair, ""))) is not None:
        return _software(wish, ReasonCode.HARDWARE_GIVEN_UP(count=flows))
    for family, other in ((Family.IPV4, Family.IPV6), (Family.IPV6, Family.IPV4)):
        if (flows := given_up.get((pair, family.value))) is None or wish.family is other:
            continue
        why = ReasonCode.HARDWARE_FAMILY_GIVEN_UP(count=flows, family=family.value)
        if wish.family is family:
            return _software(wish, why)
        wish = replace(wish, hardware_family=wish.hardware_family & other, reasons=(*wish.reasons, why))
    return wish


def _software(wish: PairRequest, why: Reason) -> PairRequest:
    return replace(wish, mode=Mode.SOFTWARE, reasons=(*wish.reasons, why))
