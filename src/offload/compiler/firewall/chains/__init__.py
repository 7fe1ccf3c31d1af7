"""The chains of table inet fw4."""
