"""Whether hardware really takes flows."""
