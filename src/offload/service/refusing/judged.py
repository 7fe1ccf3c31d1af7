"""The inputs of the last judgement of live connections, for `option cut_refused`."""

from typing import TYPE_CHECKING

from offload.model.sections.match import Times
from offload.nouns import dataclass

if TYPE_CHECKING:
    from offload.service.firewall.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Judged:
    """The configuration that was loaded, and when connections were judged by it, in seconds since 1970.

    `inputs` is None before the first judgement, which ends nothing. `rules`: those of the firewall's forward
    chain in the kernel; all of them are others after the firewall was loaded again. `times`: those of the configured
    rules. `passes`: how many there had been. `due`: when times begin or end next, by the clock that never jumps.
    `failures`: tries since then that ended nothing.
    """

    inputs: "Inputs | None" = None
    moment: float = 0.0
    rules: frozenset[tuple[str, int]] = frozenset()
    times: tuple[Times, ...] = ()
    passes: int = 0
    due: float | None = None
    failures: int = 0
