"""The traffic that stays on the slow path: exempts and rules that mark -> elements of nft sets."""
