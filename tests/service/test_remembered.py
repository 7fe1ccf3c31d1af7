"""The bounded dictionary: invented addresses do not replace preferred keys."""

from hypothesis import given
from hypothesis import strategies as st

from offload.model.network import MAX_NEIGHBOURS, Link, Neighbour, Snapshot, Station
from offload.service.memory.remembered import Key, Remembered
from offload.service.roaming.stations import StationTracker

WIRED = Station("02:00:00:00:00:10", "lan1")
LINKS = (
    Link("br-lan", "bridge"),
    Link("lan1", "dsa", master="br-lan", hw_tc_offload=True),
    Link("phy0-ap0", master="br-lan", wireless=True),
)


def key(number: int) -> Key:
    return f"station{number}", "br-lan", 0


def forged(number: int, port: str) -> Station:
    return Station(f"06:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}", port)


def test_a_full_memory_forgets_the_least_recently_seen_of_the_others() -> None:
    memory = Remembered(3)
    for number in range(3):
        assert memory.put(key(number), "ap0", preferred=number == 0) is None
    assert memory.put(key(1), "ap1", preferred=False) == "ap0"
    memory.put(key(3), "ap0", preferred=False)
    assert [each for each in map(key, range(4)) if each in memory] == [key(0), key(1), key(3)]


def test_where_all_are_preferred_a_new_one_finds_no_room_until_one_is_gone() -> None:
    memory = Remembered(2)
    for number in range(2):
        memory.put(key(number), "lan1", preferred=True)
    memory.put(key(2), "lan1", preferred=True)
    assert key(2) not in memory
    assert memory.crowded_out({key(0), key(2)}) and not memory.crowded_out({key(0)})
    memory.prefer_only({key(1)})
    memory.put(key(2), "lan1", preferred=True)
    assert (key(0) in memory, key(1) in memory, key(2) in memory) == (False, True, True)


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["a", "b"]), st.booleans())), st.integers(1, 8))
def test_it_never_has_more_than_it_may_and_no_key_twice(puts: list[tuple[int, str, bool]], most: int) -> None:
    memory, preferred = Remembered(most), set[Key]()
    for number, place, prefer in puts:
        known = dict(memory.items())
        assert memory.put(key(number), place, preferred=prefer) == known.get(key(number))
        found = [each for each, _ in memory.items()]
        assert len(found) == len(set(found)) == len(memory) <= most
        preferred = (preferred | {key(number)} if prefer else preferred - {key(number)}) & set(found)
        assert preferred == set(memory.preferred())  # none of them is pushed out by others


def test_invented_stations_and_addresses_push_no_wired_station_out() -> None:
    tracker = StationTracker()
    address = Neighbour("192.168.1.10", "br-lan", WIRED.mac)
    tracker.update(Snapshot(links=LINKS, stations=(WIRED,), neighbours=(address,)))
    for number in range(2 * MAX_NEIGHBOURS):
        seen = forged(number, "phy0-ap0")
        tracker.station(seen, "br-lan")
        tracker.neighbour(Neighbour(f"2001:db8::{number:x}", "br-lan", seen.mac))
    stations, neighbours = tracker.remembered()
    assert (len(stations), len(neighbours)) == (MAX_NEIGHBOURS, MAX_NEIGHBOURS)
    assert WIRED in stations
    assert address in neighbours


def test_stations_do_not_take_the_room_of_addresses() -> None:
    tracker = StationTracker()
    tracker.update(Snapshot(links=LINKS, neighbours=(Neighbour("192.168.1.10", "br-lan", WIRED.mac),)))
    for number in range(MAX_NEIGHBOURS + 1):
        tracker.station(forged(number, "phy0-ap0"), "br-lan")
    assert tracker.remembered()[1]


def test_a_full_memory_is_reported_and_has_room_again_when_the_bridge_forgot() -> None:
    tracker = StationTracker()
    many = tuple(forged(number, "lan1") for number in range(MAX_NEIGHBOURS + 1))
    tracker.update(Snapshot(links=LINKS, stations=many))
    assert tracker.crowded
    tracker.update(Snapshot(links=LINKS, stations=(WIRED,)))
    assert not tracker.crowded
    assert WIRED in tracker.remembered()[0]


SCENES = [
    Snapshot(links=links, stations=stations, neighbours=neighbours)
    for links in (LINKS, LINKS[:2])
    for stations in ((), (WIRED,), (Station(WIRED.mac, "phy0-ap0"),))
    for neighbours in ((), (Neighbour("192.168.1.10", "br-lan", WIRED.mac),))
]


@given(st.lists(st.one_of(st.sampled_from(SCENES), st.sampled_from(["lan1", "phy0-ap0"])), max_size=12))
def test_a_snapshot_that_shows_nothing_new_may_be_skipped(steps: list[Snapshot | str]) -> None:
    """One tracker takes in every Snapshot, the other only those that differ: both have the same stations and moves."""
    tracker, thorough = StationTracker(), StationTracker()
    for step in steps:
        for each in (tracker, thorough):
            if isinstance(step, Snapshot):
                each.update(step)
            else:
                each.station(Station(WIRED.mac, step), "br-lan")
        thorough._updated = (-1, ())
        assert tracker.remembered() == thorough.remembered()
        assert (tracker.version, tracker.moves._moves, tracker._hardware) == (
            thorough.version,
            thorough.moves._moves,
            thorough._hardware,
        )


def test_a_snapshot_that_shows_nothing_new_takes_in_no_station() -> None:
    """A pass in a house with thousands of stations must cost no more than one with none."""
    puts = []

    class Counting(Remembered):
        def put(self, key: Key, place: str, *, preferred: bool) -> str | None:
            puts.append(key)
            return Remembered.put(self, key, place, preferred=preferred)

    tracker = StationTracker(_stations=Counting(MAX_NEIGHBOURS))
    for _ in range(2):
        tracker.update(Snapshot(links=LINKS, stations=(WIRED, Station("02:00:00:00:00:20", "phy0-ap0"))))
    assert len(puts) == 2
