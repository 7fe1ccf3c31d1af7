"""The ubus methods that say why connections are slow: `flows` and `explain`."""
