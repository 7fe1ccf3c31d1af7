"""Read /etc/config/offload."""
