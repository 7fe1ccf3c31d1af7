"""State that outlives a pass or the service: timed exempts and stations with their files, the last conntrack dump."""
