"""Whether hardware takes flows: by the drivers' features, by trials in the kernel, and by live flows."""
