"""Sections of /etc/config/firewall -> the nouns of the firewall."""
