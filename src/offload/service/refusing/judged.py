"""The last comparison of live connections with the firewall's rules, for `option cut_refused`.

They are compared again when the firewall has loaded a changed configuration, and when a rule's time begins or ends.
"""

from typing import TYPE_CHECKING

from offload.model.sections.match import Times
from offload.nouns import dataclass

if TYPE_CHECKING:
    from offload.service.firewall.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Judged:
    """The configuration that live connections were compared with last, and when a comparison is due without a pass."""

    # the configuration in force, and the router's state; None: not compared yet, and the first comparison ends nothing
    inputs: "Inputs | None" = None
    moment: float = 0.0  # of the first comparison, or the last that could end connections; seconds since 1970
    # (chain, handle) of rules in chain `forward` of table fw4; all differ after fw4 loaded again; empty: not loaded
    rules: frozenset[tuple[str, int]] = frozenset()
    times: tuple[Times, ...] = ()  # of the configured rules
    passes: int = 0  # how many passes there were at the last attempt to compare
    # monotonic seconds: a rule's time begins or ends, or a failed attempt is repeated, without a pass; None: neither
    due: float | None = None
    failures: int = 0  # attempts in a row to end connections that failed, since the last pass
