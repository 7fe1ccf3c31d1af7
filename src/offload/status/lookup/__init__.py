"""Where a connection belongs: its zones, its pair of devices, its exempts, its ports."""
