"""Replies as text for a terminal."""
