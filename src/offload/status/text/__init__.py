"""Replies as text for people."""
