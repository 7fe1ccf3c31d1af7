"""nftables objects: those in the kernel, and those that should be there."""
