"""When to make a pass, and when to create a table again, which puts its flows back on the slow path."""
