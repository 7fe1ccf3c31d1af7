"""Stations (hosts behind bridges) that move: when nft sets are updated, or tables created again, for them."""
