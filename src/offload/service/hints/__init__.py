"""What makes a pass, or returns a table, and when."""
