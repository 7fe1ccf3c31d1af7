"""Totals by pair, host and path: what ended is counted, by the path on which it was seen, and kept in a file."""
