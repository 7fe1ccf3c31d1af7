"""Read links, addresses, routes, stations and queueing disciplines over rtnetlink, and the kernel's notifications."""
