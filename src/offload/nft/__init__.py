"""Write nftables text from nftables objects, without any knowledge of zones or offload."""
