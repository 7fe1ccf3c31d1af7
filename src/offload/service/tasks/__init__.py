"""The service's tasks: passes.py of this folder is the pass, timed.py lists those with a time of their own."""
