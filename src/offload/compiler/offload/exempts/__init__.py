"""Exempts, and rules that must see every packet, compiled into elements of nft sets."""
