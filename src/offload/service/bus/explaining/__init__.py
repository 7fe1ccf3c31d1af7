"""The method `explain`."""
