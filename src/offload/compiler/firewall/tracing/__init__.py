"""Follow a packet through the compiled rules."""
