"""State that outlives a pass or the service: timed exempts, stations, totals, and choices of an older version."""
