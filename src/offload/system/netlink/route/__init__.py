"""rtnetlink: links, addresses, routes, stations, queueing disciplines, and what the kernel reports of them."""
