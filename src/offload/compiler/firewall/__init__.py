"""Compile /etc/config/firewall and the router's state into table inet fw4."""
