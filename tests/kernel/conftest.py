"""These tests need a kernel with flowtables and are collected only in the guest that vm.py boots."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

if os.environ.get("OFFLOAD_IN_VM"):
    from kernel.house import House, house
    from kernel.lab import Home, home
    from kernel.resident import Resident, resident
    from kernel.traffic import Talk
else:
    collect_ignore_glob = ["*.py"]


@pytest.fixture(scope="session", name="network")
def _network() -> Iterator["Home"]:
    with home() as built:
        yield built


@pytest.fixture(scope="module", name="home")
def _home(network: "Home") -> "Home":
    """The network with its shipped configuration, applied."""
    network.router.reset()
    network.router.offload("apply")
    return network


@pytest.fixture(scope="module", name="service")
def _service(network: "Home") -> Iterator["Resident"]:
    """The resident service on that network's router."""
    network.router.reset()
    with resident(network.router) as running:
        running.until(running.devices)
        yield running
    network.router.reset()


@pytest.fixture(name="call")
def _call() -> Iterator[Callable[..., "Talk"]]:
    """Start conversations as `Talk` does; they end with the test."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(closing(Talk(*arguments)))


@pytest.fixture(scope="session", name="house")
def _house() -> Iterator["House"]:
    """A router without networks, for tests that give it a shape."""
    with house() as built:
        yield built
