"""Exempts: traffic between zones that stays on the slow path."""

from typing import Any

from offload.model.sections.fields import FIELDS
from offload.model.sections.kinds import PORTED, PROTOCOL
from offload.model.sections.match import EVERYTHING, Match
from offload.nouns import dataclass

ENDS = {"src": "the zone that opens the connection", "dest": "the zone that it leads to"}  # with help, as FIELDS has it


@dataclass(frozen=True, slots=True)
class Exempt:
    """Conditions of traffic that stays on the slow path: by `config exempt`, by command, for a rule, or for a zone.

    Of `match` only the conditions in FIELDS (fields.py) count. `faulty`: all traffic from `src` to `dest` stays slow.
    """

    name: str  # option `name`, or the section's; of a rule its name or comment; by command `run-time 3`
    section: str  # id of the section; of a rule in nft its chain and table; empty: run time, or the compiler's
    src: str = "*"  # zone that opens the connection; `*` for every zone
    dest: str = "*"  # zone that the connection leads to; `*` for every zone
    match: Match = EVERYTHING  # its conditions
    faulty: bool = False  # a condition could not be read, or the lists make too many combinations

    @property
    def everything(self) -> bool:
        """Whether it means all TCP and UDP traffic between its two zones: no condition narrows it."""
        some_protocols = bool(self.match.proto) and not set(PORTED) <= set(self.protocols)
        return not some_protocols and not any(each.narrows(self.match) for each in FIELDS if each.kind is not PROTOCOL)

    @property
    def protocols(self) -> tuple[str, ...]:
        """The names of its protocols (`tcp`, `udp`, `gre`); empty: every protocol."""
        return tuple(each.text for each in self.match.proto)


def match_json(exempt: Exempt) -> dict[str, Any]:
    """The exempt's conditions for JSON: option of `config exempt` -> text or list of texts, as UCI writes them.

    `src` and `dest` are in it only if they are not `*`; {} if it has no condition.
    """
    zones = {end: zone for end in ENDS if (zone := getattr(exempt, end)) != "*"}
    return zones | {each.name: each.json(exempt.match) for each in FIELDS if each.given(exempt.match)}
