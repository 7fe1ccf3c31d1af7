"""The size of the terminal."""

import os
import sys

DEFAULT, NARROWEST, WIDEST = 80, 20, 200  # columns
LINES, FEWEST = 24, 6


def width() -> int:
    """The variable COLUMNS if it is a number from 1 to 9999, else the columns of the terminal at stdout, else 80.

    At least NARROWEST, at most WIDEST.
    """
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and len(given) < len("10000") and int(given):
        return _bounded(int(given))
    try:
        return _bounded(os.get_terminal_size(sys.stdout.fileno()).columns or DEFAULT)
    except (OSError, ValueError, AttributeError):
        return DEFAULT


def height() -> int:
    """Lines of the terminal at stdout, at least FEWEST; LINES (24) without one, or if it does not know (serial lines).

    No variable changes it.
    """
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).lines or LINES, FEWEST)
    except (OSError, ValueError, AttributeError):
        return LINES


def _bounded(columns: int) -> int:
    return min(max(columns, NARROWEST), WIDEST)
