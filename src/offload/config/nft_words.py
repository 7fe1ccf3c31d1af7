"""nft's keywords, with which no set can be named: nft would refuse the ruleset."""

_WORDS = """
accept add ah arp at auto-merge bridge burst bytes chain comment counter create ct daddr dccp day define
delete describe devices dnat drop dscp dynamic element elements esp ether export exthdr fib flags flow
flowtable flush frag fwd goto handle hash hook hour icmp icmpv6 iif iifname import include index inet
ingress insert interval ip ip6 jump last length limit list log map mark masquerade meta meter monitor
name netdev numgen offset oif oifname performance policy priority protocol queue quota rate redefine
redirect reject rename replace reset return rt rule ruleset saddr sctp secmark set size snat socket
synproxy table tables tcp th time timeout type typeof udp udplite undefine update vlan vmap xt
"""
RESERVED = frozenset(_WORDS.split())
