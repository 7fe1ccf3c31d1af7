"""What leads to a pass, or to the new creation of a table that puts its flows back on the slow path, and when."""
