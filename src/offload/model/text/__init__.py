"""Text of people and values."""
