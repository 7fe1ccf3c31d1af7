"""What hardware takes: asked of the drivers, and shown by live flows."""
