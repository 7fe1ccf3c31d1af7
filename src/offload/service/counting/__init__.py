"""Totals by pair (zone > zone), host and path of connections that ended, counted and kept in a file."""
