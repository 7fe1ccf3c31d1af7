"""A section's conditions -> matches that one nft rule can hold."""
