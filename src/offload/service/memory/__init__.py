"""State that outlives a pass or the service: timed exempts, stations, and choices of an older version."""
