"""The command `offload firewall`."""
