"""Connections that end are counted, with their last counters, and told by pair."""

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
    assert found["service"]["complete"] and found["service"]["since"]
    told: dict[str, Any] = next(
        each["ended"] for each in found["pairs"] if (each["src"], each["dest"]) == ("lan", "wan")
    )
    return told


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
