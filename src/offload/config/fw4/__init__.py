"""Read /etc/config/firewall as fw4 does, and the sections that services and netifd add."""
