"""Compile the Plan's tables into nftables objects and transactions."""
