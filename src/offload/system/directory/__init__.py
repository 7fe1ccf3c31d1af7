"""A router as a directory (`--root DIR`)."""
