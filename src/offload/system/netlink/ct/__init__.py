"""Read conntrack entries, and the events of those that end, over ctnetlink."""
