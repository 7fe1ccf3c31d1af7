"""Explain why a connection has its path."""
