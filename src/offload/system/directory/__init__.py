"""Read snapshot.json in a router's directory (`--root DIR`), and write such a directory from a running router.

system/config/uci.py reads the UCI files in it.
"""
