"""What sections ask for."""
