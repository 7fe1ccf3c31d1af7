"""Whether hardware takes flows: by the drivers' features, and by live flows."""
