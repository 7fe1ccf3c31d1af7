"""iptables: `extensions.py` parses matches and targets of iptables-nft, `legacy.py` lists tables of iptables-legacy."""
