"""What each pair of zones asks for, and which path it gets."""
