"""Read the firewall's sections as fw4 does: those of /etc/config/firewall, of services and of netifd."""
