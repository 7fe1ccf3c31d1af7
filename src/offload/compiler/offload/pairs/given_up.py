"""Request software for pairs of zones of which hardware took no flow although it was requested. Pure."""

from collections.abc import Iterable, Mapping

from offload.compiler.offload.pairs.requests import Pair, PairRequest
from offload.model.config import Family, Mode
from offload.model.network import GivenUp
from offload.model.problems.reason import Reason, ReasonCode
from offload.nouns import replace


def without_given_up(requests: Iterable[PairRequest], given_up: Iterable[GivenUp]) -> list[PairRequest]:
    """The requests, without hardware for pairs of zones, or a family of a pair, of which hardware took no flow.

    `given_up`: pairs, or one family of a pair, for which hardware is not requested for some hours; devices among them
    are ignored. For a pair, or its only family, `mode` becomes software. For one family of two, `hardware_family`
    becomes the other family; NEITHER if both are given up one by one. A changed request gets Reasons (sentences).
    """
    found = {(each.pair, each.family): each.flows for each in given_up if each.pair}
    return [_lowered(request, found) if request.mode is Mode.HARDWARE else request for request in requests]


def _lowered(request: PairRequest, given_up: Mapping[tuple[Pair, str], int]) -> PairRequest:
    pair = (request.src, request.dest)
    if (flows := given_up.get((pair, ""))) is not None:
        return _software(request, ReasonCode.HARDWARE_GIVEN_UP(count=flows))
    for family, other in ((Family.IPV4, Family.IPV6), (Family.IPV6, Family.IPV4)):
        if (flows := given_up.get((pair, family.value))) is None or request.family is other:
            continue
        why = ReasonCode.HARDWARE_FAMILY_GIVEN_UP(count=flows, family=family.value)
        if request.family is family:
            return _software(request, why)
        request = replace(request, hardware_family=request.hardware_family & other, reasons=(*request.reasons, why))
    return request


def _software(request: PairRequest, why: Reason) -> PairRequest:
    return replace(request, mode=Mode.SOFTWARE, reasons=(*request.reasons, why))
