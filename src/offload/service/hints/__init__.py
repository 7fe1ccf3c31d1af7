"""When to make a pass, and when to create a table again so that its flows go back to the slow path."""
