"""Queries about flows: their keys, the words for `sort`, and how many flows a reply has without a `limit`."""

# The command needs them for its help, so this module imports nothing.
KEYS = ("zone", "host", "state", "sort", "limit", "offset")
SORTS = ("bytes", "packets", "src", "dest", "zone", "state", "timeout")
REVERSED = "-"  # before a word of SORTS: reverse order
PAGE = 200  # flows of a reply without a limit; each page needs a dump of the conntrack table
