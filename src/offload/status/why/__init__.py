"""Why a connection is on its path."""
