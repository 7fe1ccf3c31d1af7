"""ctnetlink: connections, and those that end."""
