"""Convert sections of /etc/config/firewall into the firewall's data types."""
