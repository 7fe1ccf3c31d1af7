"""The service's ubus methods, and the checks of their arguments."""
