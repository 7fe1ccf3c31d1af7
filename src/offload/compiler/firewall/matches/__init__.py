"""Split a section's conditions into matches for one nft rule each: by protocol, family, ICMP types and masks with gaps.

A value with `!` beside others needs no match of its own.
"""
