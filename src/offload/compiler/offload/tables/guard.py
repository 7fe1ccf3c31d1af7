"""The guard of accepted replies: a connection is offloaded only after a reply of it passed the firewall. Pure.

Conntrack calls a connection established when a reply arrives, before any firewall chain has seen it. A table that
offloads every established packet would therefore pass replies that the firewall drops: of UDP and, if both hosts agree
on sequence numbers beforehand, of TCP. So each table remembers the connections whose reply was accepted.

The key has the two original addresses and conntrack's id. The id is a hash of the entry's address in memory and of its
tuple (nf_ct_get_id(), net/netfilter/nf_conntrack_core.c), so a connection that ends and is opened again may get the
same id. Therefore the first packet of a connection deletes its key.
"""

from collections.abc import Iterator

from offload.model.kernel.live import MISSED
from offload.model.kernel.nft import Chain, Hook, Rule
from offload.model.sections.match import Match
from offload.nouns import dataclass

GUARD = "guard"  # name of the chain that offload's chains of a (iif, oif) jump to before `flow add`
REMEMBERED_SECONDS = 60  # after the last reply on the slow path
# A chain of type nat sees first packets only (nf_nat_inet_fn(), net/netfilter/nf_nat_core.c), so established ones do
# not pay for it. This is the lowest priority that the kernel allows to such a chain (nft_chain_parse_hook(),
# nf_tables_api.c): one that translates the source address ends the walk through those behind it.
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


# When the first packet of a connection deletes the key, no packet of an earlier connection with the same id can exist:
# it would hold that connection's entry in memory. The addresses ensure that two connections with the same id (one pair
# in 2^32) are between the same hosts; they come first, as they show at once that a key of the other family matches no
# packet (nft_ct_get_eval()), and the id costs a hash.
REPLIED = tuple(
    RepliedSet(f"replied{version}", f"ct original {ip} saddr . ct original {ip} daddr . ct id")
    for version, ip in ((4, "ip"), (6, "ip6"))
)


def guard() -> Iterator[Chain]:
    """Yield the chains that fill and read the sets of REPLIED, the connections of which a reply passed the firewall.

    `replied` adds the connection of a reply; if its set is full, the last rule counts the reply. `guard` accepts a
    packet whose connection is not in the set, which thereby stays on the slow path. `postrouting`, a base chain of type
    nat, deletes the key of a connection at its first packet; `first` does that where a conntrack helper translated the
    source, as `postrouting` does not see such packets.
    """
    untranslated = Rule("accept", Match(raw=f"ct status & {SRC_NAT_DONE:#x} == 0"))
    yield Chain("first", (untranslated, *(Rule(_op("delete", each)) for each in REPLIED)))
    remember = (Rule(f"{_op('update', each)} accept") for each in REPLIED)
    yield Chain("replied", (*remember, Rule("counter accept", comment=MISSED)))
    yield Chain(GUARD, tuple(Rule("accept", Match(raw=f"{each.key} != @{each.name}")) for each in REPLIED))
    yield Chain("postrouting", tuple(Rule(_op("delete", each)) for each in REPLIED), FIRST_PACKETS)


def _op(statement: str, replied: RepliedSet) -> str:
    return f"{statement} @{replied.name} {{ {replied.key} }}"
