"""Read and change UCI packages, the files of /etc/config."""
