"""State that outlives a pass or the service: timed exempts, stations, the last conntrack dump, files of these."""
