"""iptables: `extensions.py` reads matches and targets of iptables-nft, `legacy.py` the tables of iptables-legacy."""
