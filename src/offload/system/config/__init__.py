"""The files of /etc/config."""
