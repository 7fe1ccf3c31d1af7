"""Conversion between text and values, for configuration and messages."""
