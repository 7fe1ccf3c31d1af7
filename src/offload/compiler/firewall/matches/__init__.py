"""Split a section's conditions into matches that one nft rule can express."""
