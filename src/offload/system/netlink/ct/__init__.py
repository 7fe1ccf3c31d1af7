"""Read and delete conntrack entries, and receive the events of entries that end, over ctnetlink."""
