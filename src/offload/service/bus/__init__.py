"""What the service answers over ubus: one function per method, and the checks of what callers hand over."""
