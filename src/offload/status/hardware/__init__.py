"""Whether hardware takes flows, as live flows show."""
