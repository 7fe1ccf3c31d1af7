"""What the service does besides passes. A task has `due`, when it runs next (None: not before a hint), and `run`."""
