"""`python -m offload`."""

import os
import sys

from offload.cli import main


def run() -> None:
    """Entry point of the installed command."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # `offload print | head`: who reads has seen enough, which is no fault; Python must not flush into it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    run()
