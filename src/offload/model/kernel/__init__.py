"""nftables: the objects in the kernel, and those that are to be there."""
