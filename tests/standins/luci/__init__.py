"""Stand-in of LuCI for browsers: `resources` is its runtime, `server` stands for uhttpd, rpcd and the dispatcher."""
