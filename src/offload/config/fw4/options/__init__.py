"""The options that fw4 knows, and how it reads their values."""
