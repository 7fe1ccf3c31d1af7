"""The replies of the ubus methods `status`, `zones`, `check` and `flows` as JSON."""
