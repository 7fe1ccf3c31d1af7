"""nftables text of nftables nouns, without any knowledge of zones or offload."""
