"""One bridge with a port of the chip and a port without: the station's port decides between hardware and software."""

import pytest

from kernel import chip
from kernel.daemons import wait_until
from kernel.desk import plain, served, settle
from kernel.evidence import conntrack_flags
from kernel.house import House, Shape
from kernel.resident import Resident
from kernel.sides import bridge
from kernel.steady import Drip, Steady, download
from kernel.traffic import Proto

ENOUGH, RETURNS = 60, 20
ENGINE = ("lan1", "wan")
# whether a station has been seen yet or not
SHARED = [("hardware", [code]) for code in ("STATIONS_SOFTWARE", "STATIONS_UNSEEN")]
KINDS: tuple[tuple[int, Proto], ...] = ((4, "tcp"), (4, "udp"), (6, "tcp"), (6, "udp"))


# The host at the far end of lan is behind the first port of the bridge.
WIRED = Shape({"lan": bridge(chip.port("lan1"), plain("ap0", "eth1")), "wan": chip.port("wan")})
AT_AP = Shape({"lan": bridge(plain("ap0", "eth0"), chip.port("lan1", "eth1")), "wan": chip.port("wan")})


def forwarded(house: House) -> int:
    return chip.forwarded(house.router, ENGINE)


def pairs(service: Resident) -> dict[tuple[str, str], tuple[str, list[str]]]:
    status = service.status() or {}
    return {
        (each["src"], each["dest"]): (each["effective"], [reason["code"] for reason in each["reasons"]])
        for each in status["pairs"]
    }


def test_a_wired_station_is_in_hardware(house: House) -> None:
    with served(house, WIRED) as service:
        assert pairs(service)["lan", "wan"] in SHARED
        for version, proto in KINDS:
            talk = chip.settled(house.router, ENGINE, house.call("lan", "wan", version, proto))
            before = forwarded(house)
            (seen,) = house.watch([talk], ENOUGH)
            assert seen.fast(ENOUGH), seen
            assert forwarded(house) - before >= 2 * ENOUGH
            assert conntrack_flags(house.router, talk) == {"HW_OFFLOAD"}
        talk = chip.settled(house.router, ENGINE, house.call("wan", "lan"))  # a port forward to the station
        assert conntrack_flags(house.router, talk) == {"HW_OFFLOAD"}


def test_a_station_at_the_other_port_is_in_software(house: House) -> None:
    with served(house, AT_AP) as service:
        assert pairs(service)["lan", "wan"] in SHARED
        for version, proto in KINDS:
            talk = house.call("lan", "wan", version, proto)
            talk.echo(30)
            wait_until(lambda talk=talk: conntrack_flags(house.router, talk) == {"OFFLOAD"}, "software")  # type: ignore[misc]
            before = forwarded(house)
            (seen,) = house.watch([talk], ENOUGH)
            assert seen.fast(ENOUGH), seen
            assert forwarded(house) == before
        talk = house.call("wan", "lan")
        talk.echo(30)
        assert conntrack_flags(house.router, talk) == {"OFFLOAD"}


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_no_return_under_load_loses_a_flow_to_software(house: House, proto: Proto) -> None:
    with served(house, WIRED) as service:
        talk = chip.settled(house.router, ENGINE, house.call("lan", "wan", proto=proto))
        running: Drip | Steady = download(talk) if proto == "tcp" else Drip(talk)
        with running:
            for _ in range(RETURNS):
                assert "flow_offload_hw" in service.call("flush", {"query": {}})["returned"]
                before = forwarded(house)
                service.until(lambda: forwarded(house) - before >= ENOUGH, 20)  # noqa: B023
        settle(house, talk, "lan1", ENGINE)
