"""The size of the terminal."""

import os
import sys

DEFAULT, NARROWEST, WIDEST = 80, 20, 200  # columns
UNFOLDED = 1_000_000  # columns of a pipe or file: `grep` and the like get whole lines
LINES, FEWEST = 24, 6


def width(piped: int = UNFOLDED) -> int:
    """The columns at which lines for stdout are folded: those of its terminal, at least NARROWEST (20), at most 200.

    The environment variable COLUMNS counts instead if it is a number from 1 to 9999. `piped` if stdout is no terminal;
    80 if the terminal does not know its size.
    """
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and len(given) < len("10000") and int(given):
        return _bounded(int(given))
    try:
        return _bounded(os.get_terminal_size(sys.stdout.fileno()).columns or DEFAULT)
    except (OSError, ValueError, AttributeError):
        return piped


def height() -> int:
    """The lines of the terminal at stdout: at least FEWEST (6).

    LINES (24) if stdout is no terminal, or the terminal does not know its size, as on a serial line.
    """
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).lines or LINES, FEWEST)
    except (OSError, ValueError, AttributeError):
        return LINES


def _bounded(columns: int) -> int:
    return min(max(columns, NARROWEST), WIDEST)
