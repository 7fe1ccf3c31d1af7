"""Flow offload for OpenWrt, chosen per zone, proven per flow.

    UCI packages  --load--> Config,[Problem] --.
    netlink, ubus --read--> Snapshot ----------+--resolve--> Topology --plan--> Plan --render--> nft text --> nft -f -
    kernel --dump--> Entry* --flows, shares--> Status --> text | JSON

Read in this order: model (the nouns), config, compiler, status (pure), system (the doors), service (one pass), cli.
"""

__version__ = "0.2.0"
