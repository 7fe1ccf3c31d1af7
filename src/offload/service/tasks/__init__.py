"""The service's tasks, listed in timed.py, and the pass (passes.py)."""
