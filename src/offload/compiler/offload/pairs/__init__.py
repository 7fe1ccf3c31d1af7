"""The requested mode of each pair of zones, and the effective one."""
