"""Run the command `offload VERB` often without starting Python each time.

In a virtual machine without KVM Python and its libraries take five seconds to start, the work itself one. So a process
on the router imports them once, and forks for every run. `Product.start` starts the command in a new process, as a user
does.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import IO, NamedTuple

import offload


class Done(NamedTuple):
    """How a run of the command ended."""

    code: int
    out: str
    err: str


class Product:
    """The command `offload` on one router."""

    def __init__(self, router: str, ubus_socket: Path) -> None:
        self._start = ["ip", "netns", "exec", router, sys.executable]
        self._environment = os.environ | {"OFFLOAD_UBUS_SOCKET": str(ubus_socket)}
        self._warm = subprocess.Popen(
            [*self._start, __file__], env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        """Let the warm process end."""
        self._warm.communicate()

    def run(self, *argv: str, path: str = "") -> Done:
        """Run a verb in a fork of the warm process; `path` is put before PATH."""
        assert self._warm.stdin is not None and self._warm.stdout is not None
        self._warm.stdin.write(json.dumps([path, *argv]) + "\n")
        self._warm.stdin.flush()
        return Done(*json.loads(self._warm.stdout.readline()))

    def start(self, *argv: str) -> Done:
        """Run a verb as a user does, in a process of its own."""
        command = [*self._start, "-m", "offload", *argv]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        return Done(done.returncode, done.stdout, done.stderr)


def _serve() -> None:
    run = import_module("offload.__main__").run
    _warm_up()
    for line in sys.stdin:
        path, *argv = json.loads(line)
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            if not (child := os.fork()):
                os.environ["PATH"] = f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.argv[1:] = argv
                _ended(run)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print(json.dumps([code, _content(out), _content(err)]), flush=True)


def _ended(run: Callable[[], None]) -> None:
    """Run the command and end this fork, without the end of Python, which writes to every object once more."""
    code = 1
    try:
        run()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # noqa: BLE001  # as Python itself would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _warm_up() -> None:
    """Import what any verb may import, and compile the templates.

    A fork gets its own copy of each page that it writes to, and a user-mode kernel takes 100 us for that. The garbage
    collector writes to all objects that it knows of, so those of now are hidden from it.
    """
    for library in ("jinja2", "ubus", "uci"):
        import_module(library)
    for module in walk_packages(offload.__path__, "offload."):
        if module.name != "offload.__main__":
            import_module(module.name)
    texts = import_module("offload.nft.text")
    for template in import_module("offload.nft.template").names():
        texts._template(template)
    gc.freeze()


def _content(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


if __name__ == "__main__":
    _serve()
