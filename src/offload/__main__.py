"""The program `offload`, also `python -m offload`."""

import gc
import io
import os
import sys

from offload import __version__

# Verbs that end after one answer, in which objects form no cycles: a tenth of the time goes into looking for such.
SHORT = {"check", "firewall", "flows", "print", "status", "zones"}


def run() -> None:
    """Run the command line in sys.argv, and end the process with its exit code.

    The exit code is 1, with a sentence on stderr, if a write to stdout fails; but 0, without a sentence, if stdout is a
    pipe that its reader closed. If the verb is `service`, SIGHUP is ignored from here on until the service handles
    it.
    """
    if sys.argv[1:2] == ["service"]:
        # A reload sends SIGHUP, which ends a process without a handler: on a router the imports take seconds.
        # Ignoring it loses nothing, because the first pass has not begun.
        import signal

        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for stream in ("stdout", "stderr"):  # the caller closed it (`>&-`): output is dropped
        if getattr(sys, stream) is None:
            # for as long as the process lives; importing pathlib would take as long as the version
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - as above
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of rules and zones may have letters that the terminal lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    short = not SHORT.isdisjoint(sys.argv[1:2])
    try:
        code = _main(sys.argv[1:], short=short)
        sys.stdout.flush()
    except OSError as error:
        # Errors of doors end in main, so this is about standard output; Python must not flush it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # `offload print | head`: the reader closed the pipe, which is no error
        code = 0 if isinstance(error, BrokenPipeError) else 1
        if code:
            sys.stderr.write(f"offload: the answer cannot be written: {error.strerror}\n")
    if short:  # the system frees the memory faster than Python
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _main(argv: list[str], *, short: bool) -> int:
    if argv in (["--version"], ["version"]):
        # Scripts and LuCI ask for the version often; argparse would take three times as long.
        sys.stdout.write(f"offload {__version__}\n")
        return 0
    if short:
        gc.disable()  # a short run with many objects and no cycles
    if argv[:1] == ["firewall"]:
        from offload.cli.firewall.main import main as firewall

        return firewall(argv)
    from offload.cli.command import main

    return main(argv)


if __name__ == "__main__":
    run()
