"""State that outlives a pass or the service: timed exempts, places of stations, totals, choices before an upgrade."""
