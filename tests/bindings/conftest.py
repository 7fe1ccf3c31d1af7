"""Fixtures: a broker that stands in for ubusd, with another process connected to it, or directories for uci."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import brokers
import pytest
import ubus
from box import DEFAULT_SAVEDIR, PACKAGE, Box


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the broker's socket."""
    return tmp_path / "ubus.sock"


@pytest.fixture
def broker(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker this process is connected to."""
    with brokers.running(path) as running:
        ubus.connect(socket_path=str(path))
        yield running
        if ubus.get_connected():
            ubus.disconnect(False)


@pytest.fixture
def other(path: Path, broker: object) -> Iterator[None]:  # noqa: ARG001  # it must run
    """Another process with the object `other`."""
    with brokers.connected(path, brokers.OTHER) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        yield


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    """Directories for uci; what libuci saves by default is cleared away afterwards."""
    yield Box(tmp_path)
    (DEFAULT_SAVEDIR / PACKAGE).unlink(missing_ok=True)
