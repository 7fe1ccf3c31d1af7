"""What stays on the slow path."""
