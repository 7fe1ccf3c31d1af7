"""Look up what a connection belongs to: its zones, its devices, its exempts, its ports."""
