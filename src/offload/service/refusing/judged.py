"""The last comparison of live connections with the firewall's rules, for `option cut_refused`.

They are compared again when the firewall has loaded a changed configuration, and when a rule's time begins or ends.
"""

from typing import TYPE_CHECKING

from offload.model.kernel.live import RuleId
from offload.model.sections.match import Times
from offload.nouns import dataclass

if TYPE_CHECKING:
    from offload.service.firewall.inputs import Inputs


@dataclass(frozen=True, slots=True)
class Judged:
    """The configuration that live connections were compared with last, and when to compare if no pass comes before."""

    # the configuration in force, and the router's state; None: not compared yet, and the first comparison ends nothing
    inputs: "Inputs | None" = None
    # seconds since 1970: of the last comparison that was allowed to end connections; if there was none, of the first
    moment: float = 0.0
    # those in chain `forward` of table fw4; a load of fw4 makes each anew; empty: no rules
    rules: frozenset[RuleId] = frozenset()
    times: tuple[Times, ...] = ()  # of the configured rules
    passes: int = 0  # how many passes there were at the last attempt to compare
    # when to compare next if no pass comes before, in monotonic seconds: a rule's time begins or ends, or a failed
    # attempt is repeated; None: neither
    due: float | None = None
    failures: int = 0  # attempts in a row to compare that failed, since the last pass
