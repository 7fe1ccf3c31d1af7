"""nftables: what stands in the kernel, and what is to stand there."""
