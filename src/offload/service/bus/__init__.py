"""The service's ubus methods: one function per method, and the checks of their arguments."""
