"""The rules of each kind of section."""
