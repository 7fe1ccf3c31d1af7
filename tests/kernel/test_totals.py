"""Connections that end are counted, with their last counters, by pair, host and path."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from kernel.lab import Home
from kernel.resident import Resident
from kernel.traffic import Talk
from offload.service.counting.accounting import APART

MESSAGES = 40


@pytest.fixture(autouse=True)
def _alone(service: Resident, network: Home) -> None:
    """No connection of a test before: it would end meanwhile, and the service reads ends every five seconds."""
    assert service.process is not None
    network.router.run("conntrack", "-F")
    time.sleep(APART + 1)


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


def ends(network: Home, talk: Talk) -> None:
    """Let the kernel end the connection."""
    network.router.run("conntrack", "-D", "-p", talk.proto, "--orig-port-src", str(talk.near[1]))


def of_host(service: Resident, talk: Talk, what: str = "flows") -> dict[str, int]:
    """The totals of the host that opened the connection, by path, of ended and live connections."""
    reply = service.call("totals")
    assert reply["ok"]
    (found,) = (each for each in reply["hosts"] if each["host"] == str(talk.near[0]))
    assert found["zone"] == "lan"
    counts: dict[str, int] = found[what]
    return counts


def more(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What has come to each path, without zeros."""
    return {path: after[path] - before[path] for path in before if after[path] != before[path]}


def ended_more(service: Resident, before: dict[str, Any]) -> dict[str, int]:
    """The connections of lan to wan that ended since, by path."""
    return more(before["by_path"]["flows"], ended(service)["by_path"]["flows"])


def test_a_host_has_its_bytes_by_the_path_that_was_seen(
    service: Resident, network: Home, call: Callable[..., Talk]
) -> None:
    talk = call(network.client, Home.internet4, "udp")
    talk.echo(1)
    flows, octets = of_host(service, talk), of_host(service, talk, "bytes")
    for _ in range(13):  # longer than the service rests between two readings
        talk.echo(MESSAGES)
        time.sleep(5)
    fast = of_host(service, talk)
    assert more(flows, fast) == {"slow": -1, "software": 1}
    assert more(octets, of_host(service, talk, "bytes"))["software"] >= 13 * 2 * MESSAGES * 28
    before = ended(service)
    ends(network, talk)
    service.until(lambda: ended(service)["flows"] > before["flows"], 15)
    assert ended_more(service, before) == {"software": 1}
    assert of_host(service, talk) == fast


def test_a_connection_of_one_packet_is_slow(service: Resident, network: Home, call: Callable[..., Talk]) -> None:
    before = ended(service)
    talk = call(network.client, Home.internet4, "udp")
    talk.echo(1)
    ends(network, talk)
    service.until(lambda: ended(service)["flows"] > before["flows"], 15)
    assert ended_more(service, before) == {"slow": 1}


def test_hosts_are_known_after_a_restart(service: Resident, network: Home, call: Callable[..., Talk]) -> None:
    talk = call(network.client, Home.internet4, "udp")
    talk.echo(1)
    before = of_host(service, talk, "bytes")
    assert service.stop() == 0
    service.start()
    assert of_host(service, talk, "bytes") == before
