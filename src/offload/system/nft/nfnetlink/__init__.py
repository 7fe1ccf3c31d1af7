"""nf_tables over nfnetlink: the kernel's generation, tables, chains and rules."""
