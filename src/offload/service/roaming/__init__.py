"""Stations that move, the sets that follow them, and how often tables are returned for them."""
