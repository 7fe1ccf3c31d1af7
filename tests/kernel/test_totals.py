"""Connections that end are counted, with their last counters, by pair."""

from collections.abc import Callable
from typing import Any

from kernel.lab import Home
from kernel.resident import Resident
from kernel.traffic import Talk

MESSAGES = 40


def ended(service: Resident) -> dict[str, Any]:
    """What status says of lan to wan."""
    found = service.status()
    assert found is not None
    assert found["service"]["since"]
    pair: dict[str, Any] = next(
        each["ended"] for each in found["pairs"] if (each["src"], each["dest"]) == ("lan", "wan")
    )
    return pair


def watched(service: Resident) -> dict[str, Any]:
    """What status says of the service."""
    found = service.status()
    assert found is not None
    of_service: dict[str, Any] = found["service"]
    return of_service


def test_a_connection_that_ended_stays_in_the_total(
    service: Resident, network: Home, call: Callable[..., Talk]
) -> None:
    before = ended(service)
    talk = call(network.client, Home.internet4, "udp")
    talk.echo(MESSAGES)
    assert ended(service) == before
    network.router.run("conntrack", "-D", "-p", "udp", "--orig-port-src", str(talk.near[1]))
    service.until(lambda: ended(service)["flows"] > before["flows"], 15)
    after = ended(service)
    assert after["flows"] == before["flows"] + 1
    assert after["bytes"] - before["bytes"] >= 2 * MESSAGES * 28  # IP and UDP headers at least, both ways


def test_a_restart_goes_on_counting(service: Resident, network: Home, call: Callable[..., Talk]) -> None:
    talk = call(network.client, Home.internet4, "udp")
    talk.echo(MESSAGES)
    before, since = ended(service)["flows"], watched(service)["since"]
    network.router.run("conntrack", "-D", "-p", "udp", "--orig-port-src", str(talk.near[1]))
    service.until(lambda: ended(service)["flows"] == before + 1, 15)
    after = ended(service)
    assert service.stop() == 0
    service.start()
    assert ended(service) == after
    assert watched(service) | {"passes": 0} == {"passes": 0, "since": since, "complete": False}
