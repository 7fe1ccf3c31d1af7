"""What `offload check` and `offload snapshot` read besides what a pass reads."""
