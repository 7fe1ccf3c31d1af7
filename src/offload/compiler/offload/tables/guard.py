"""The guard of accepted replies: a connection is offloaded only after the firewall let a reply of it pass. Pure.

Conntrack calls a connection established when a reply arrives, before any firewall chain has seen it. So a table that
offloads every established packet would pass replies that the firewall drops, of UDP and, where both ends agree on
sequence numbers beforehand, of TCP. Therefore each table remembers which connections had a reply that passed.

The key is conntrack's id with the two original addresses. The id is a hash of the entry's address in memory and of its
tuple (nf_ct_get_id(), net/netfilter/nf_conntrack_core.c): a connection that ends and is opened again may get it anew.
So the first packets of a connection, until conntrack has seen any reply, delete what was remembered under its key; no
packet of the earlier connection can still be on its way then, for it would hold the entry in memory. The addresses
make sure that of two connections with the same id (one pair in 2^32) both are between the same two hosts.
"""

from collections.abc import Iterator

from offload.model.kernel.live import MISSED
from offload.model.kernel.nft import Chain, Rule
from offload.model.sections.match import Match
from offload.nouns import dataclass

REMEMBERED_SECONDS = 60  # after the last reply on the slow path
SEEN_REPLY = 0x2  # IPS_SEEN_REPLY, include/uapi/linux/netfilter/nf_conntrack_common.h


@dataclass(frozen=True, slots=True)
class RepliedSet:
    """A set of connections that had an accepted reply, filled by packets: its name, and the key in nft's words."""

    name: str
    key: str


REPLIED = tuple(
    RepliedSet(f"replied{version}", f"ct id . ct original {ip} saddr . ct original {ip} daddr")
    for version, ip in ((4, "ip"), (6, "ip6"))
)


def guard() -> Iterator[Chain]:
    """The chains that delete, remember and ask; a key of the other family matches no packet (nft_ct_get_eval()).

    Where a set is full, the rule that remembers does not match, and the one after it counts the reply.
    """
    yield Chain("fresh", tuple(Rule(f"ct status & {SEEN_REPLY:#x} == 0 {_op('delete', each)}") for each in REPLIED))
    remember = (Rule(f"{_op('update', each)} accept") for each in REPLIED)
    yield Chain("replied", (*remember, Rule("counter accept", comment=MISSED)))
    yield Chain("guard", tuple(Rule("accept", Match(raw=f"{each.key} != @{each.name}")) for each in REPLIED))


def _op(statement: str, replied: RepliedSet) -> str:
    return f"{statement} @{replied.name} {{ {replied.key} }}"
