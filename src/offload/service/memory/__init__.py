"""What outlives a pass or the service: exempts given at run time, places, totals, the last version's choices."""
