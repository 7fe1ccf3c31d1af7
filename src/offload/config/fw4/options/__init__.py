"""The options that fw4 knows, and parsers like fw4's for their values."""
