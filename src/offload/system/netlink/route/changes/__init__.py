"""Which changes of routes and nexthop objects, as the kernel notifies of them, matter to flows that are offloaded."""
