"""/etc/config/firewall and the router's state -> table inet fw4."""
