"""The requested mode of each pair of zones, and the path that it gets."""
