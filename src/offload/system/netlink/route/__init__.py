"""Read links, addresses, routes, stations, queueing disciplines, and the kernel's notifications, over rtnetlink."""
