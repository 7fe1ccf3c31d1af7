"""What only `offload check` reads."""
