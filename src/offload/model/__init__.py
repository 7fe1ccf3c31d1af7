"""Data types that the other packages share, and functions on them; no input or output."""
