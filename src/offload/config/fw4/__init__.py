"""/etc/config/firewall as fw4 reads it, and what services and netifd add to it."""
