"""The service's tasks: `passes.py` is the pass, `timed.py` lists those with a time of their own (`due`, `run`)."""
