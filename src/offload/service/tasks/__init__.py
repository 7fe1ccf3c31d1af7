"""What the service does: `passes.py` is the pass, `timed.py` lists what has a time of its own (`due`, `run`)."""
