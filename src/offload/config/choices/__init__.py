"""/etc/config/offload."""
