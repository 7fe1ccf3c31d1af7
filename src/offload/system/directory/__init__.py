"""Read and write a router as a directory (`--root DIR`)."""
