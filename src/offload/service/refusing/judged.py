"""The rules with which connections were compared last, for `option cut_refused`."""

from typing import TYPE_CHECKING

from offload.model.sections.match import Times
from offload.nouns import dataclass

if TYPE_CHECKING:
    from offload.service.firewall.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Judged:
    """What `option cut_refused` compared live connections with last: the configuration, and the rules in the kernel."""

    # the configuration that was loaded; None: nothing was compared yet, and the first comparison ends nothing
    inputs: "Inputs | None" = None
    moment: float = 0.0  # of the comparison, in seconds since 1970
    # chain and handle of the rules on the forward hook; all differ after the firewall was loaded again
    rules: frozenset[tuple[str, int]] = frozenset()
    times: tuple[Times, ...] = ()  # of the configured rules
    passes: int = 0  # number of passes at that moment
    due: float | None = None  # when a rule's time begins or ends next, in monotonic seconds; None: no rule has times
    failures: int = 0  # attempts in a row to end connections that failed
