"""`option cut_refused`: connections that configured rules refuse now, and did not before."""
