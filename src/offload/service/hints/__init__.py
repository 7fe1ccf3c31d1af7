"""When a pass is made, or a table returned, and why."""
