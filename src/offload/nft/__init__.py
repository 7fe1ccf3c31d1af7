"""Write nftables objects as nft text, and compare tables with those in the kernel."""
