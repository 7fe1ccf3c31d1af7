"""`option cut_refused`: end connections that changed firewall rules refuse."""
