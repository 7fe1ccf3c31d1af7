"""A packet's way through the compiled rules."""
