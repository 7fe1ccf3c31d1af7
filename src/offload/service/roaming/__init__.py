"""Stations (hosts behind bridges) that move: which sets and tables follow them, and how often."""
