"""Tables of the Plan -> nftables nouns and transactions."""
