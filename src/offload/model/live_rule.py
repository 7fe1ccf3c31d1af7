"""Rules and chains of the live ruleset, whoever made them, as far as they treat packets one by one."""

from offload.nouns import dataclass


@dataclass(frozen=True, slots=True)
class LiveChain:
    """A chain. `hook`: of a base chain its hook (`forward`), of others empty; these have no `priority` either."""

    family: str
    table: str
    name: str
    hook: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class LiveRule:
    """A rule.

    `does`: its statements and verdicts in their order: drop, reject, limit, quota, queue, log, priority, mark, dscp,
    ttl, accept, vmap (a verdict by a map); `targets`: the chains that it jumps to.
    `matches`: what it compares of single packets: length, ttl, flags, time, state.
    `mark`: the comparison of the packet mark as (value, mask), of which None as value means one that is not known.
    `ip_only`: TCP and UDP packets never match it.
    """

    family: str
    table: str
    chain: str
    does: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    matches: frozenset[str] = frozenset()
    mark: tuple[int | None, int] | None = None
    comment: str = ""
    ip_only: bool = False
