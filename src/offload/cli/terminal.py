"""How wide the answer may be."""

import os
import sys

DEFAULT, NARROWEST, WIDEST = 80, 20, 200  # columns
LINES, FEWEST = 24, 6


def width() -> int:
    """The columns of the terminal; COLUMNS says another number; 80 where the answer goes into a file or pipe."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and len(given) < len("10000") and int(given):
        return _bounded(int(given))
    try:
        return _bounded(os.get_terminal_size(sys.stdout.fileno()).columns or DEFAULT)
    except (OSError, ValueError, AttributeError):
        return DEFAULT


def height() -> int:
    """The lines of the terminal; 24 where the answer goes into a file or pipe."""
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).lines, FEWEST)
    except (OSError, ValueError, AttributeError):
        return LINES


def _bounded(columns: int) -> int:
    return min(max(columns, NARROWEST), WIDEST)
