"""The guard of accepted replies: a connection is offloaded only after a reply of it passed the firewall. Pure.

Conntrack calls a connection established when a reply arrives, before any firewall chain has seen it. A table that
offloads every established packet would therefore pass replies that the firewall drops: of UDP and, if both hosts agree
on sequence numbers beforehand, of TCP. So each table remembers the connections whose reply was accepted.

The key has the two original addresses and conntrack's id. The id is a hash of the entry's address in memory and of its
tuple (nf_ct_get_id(), net/netfilter/nf_conntrack_core.c), so a connection that ends and is opened again may get the
same id. Therefore the first packet of a connection deletes its key; no packet of the earlier connection can still exist
then, because it would hold the entry in memory. A chain of type nat does that: it sees no other packets
(nf_nat_inet_fn(), net/netfilter/nf_nat_core.c), so established ones do not pay for it. It does not see a connection
that was translated before, as a conntrack helper does; chain `first` deletes the key of such a one. The addresses
ensure that two connections with the same id (one pair in 2^32) are between the same hosts.
"""

from collections.abc import Iterator

from offload.model.kernel.live import MISSED
from offload.model.kernel.nft import Chain, Hook, Rule
from offload.model.sections.match import Match
from offload.nouns import dataclass

REMEMBERED_SECONDS = 60  # after the last reply on the slow path
# The lowest priority that the kernel allows to a chain of type nat (nft_chain_parse_hook(), nf_tables_api.c): one that
# translates the source address ends the walk through those behind it.
FIRST_PACKETS = Hook("nat", "postrouting", "-199")
# IPS_SRC_NAT_DONE: set on a first packet before the hook postrouting where a conntrack helper translates the connection
# that it expected (nf_nat_follow_master(), net/netfilter/nf_nat_helper.c). Chains of type nat never see that.
SRC_NAT_DONE = 0x80


@dataclass(frozen=True, slots=True)
class RepliedSet:
    """An nft set of connections of one family whose reply the firewall accepted; packets fill it.

    `key`: the nft expression of an element's key.
    """

    name: str
    key: str


REPLIED = tuple(
    RepliedSet(f"replied{version}", f"ct original {ip} saddr . ct original {ip} daddr . ct id")
    for version, ip in ((4, "ip"), (6, "ip6"))
)


def guard() -> Iterator[Chain]:
    """The chains that work on the sets of REPLIED, the connections of which a reply passed the firewall.

    `replied` adds the connection of a reply. `guard` accepts, and so leaves on the slow path, a packet whose connection
    is not there. `postrouting` deletes the key of a connection at its first packet; `first` does so where a helper
    translated the source of the connection, as `postrouting` never sees that. A key of the other family matches no
    packet (nft_ct_get_eval()); addresses come first in it, as they show that at once and the id costs a hash. If a set
    is full, the rule that adds to it does not match, and the last rule of `replied` counts the reply.
    """
    untranslated = Rule("accept", Match(raw=f"ct status & {SRC_NAT_DONE:#x} == 0"))
    yield Chain("first", (untranslated, *(Rule(_op("delete", each)) for each in REPLIED)))
    remember = (Rule(f"{_op('update', each)} accept") for each in REPLIED)
    yield Chain("replied", (*remember, Rule("counter accept", comment=MISSED)))
    yield Chain("guard", tuple(Rule("accept", Match(raw=f"{each.key} != @{each.name}")) for each in REPLIED))
    yield Chain("postrouting", tuple(Rule(_op("delete", each)) for each in REPLIED), FIRST_PACKETS)


def _op(statement: str, replied: RepliedSet) -> str:
    return f"{statement} @{replied.name} {{ {replied.key} }}"
