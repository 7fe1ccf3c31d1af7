"""iptables-nft: `extensions.py` reads its matches and targets, which nf_tables calls by their own code."""
