"""Which releases of the kernel have which faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offload.compiler import kernel_faults
from offload.compiler.findings.kernel import of_kernel
from offload.compiler.kernel_faults import Fault, version
from offload.model.network import Kernel, Link, Network, Snapshot
from offload.model.plan import Plan, Table
from offload.model.problems.finding import FindingCode
from offload.model.topology import all_below, directly_below

FAULTS = {name: each for name, each in vars(kernel_faults).items() if isinstance(each, Fault)}
releases = st.tuples(st.integers(0, 9), st.integers(0, 30), st.integers(0, 300))


def text(numbers: tuple[int, int, int]) -> str:
    return ".".join(map(str, numbers))


@pytest.mark.parametrize(
    ("release", "numbers"),
    {
        "6.12.40": (6, 12, 40),
        "6.6.86": (6, 6, 86),
        "5.15.156-rt70+": (5, 15, 156),
        "5.15.167-0-openwrt": (5, 15, 167),
        "6.12.117-rc1": (6, 12, 117),
        "6.12": (6, 12, 0),
        "6.19.0": (6, 19, 0),
        "6.19.0-rc3": (6, 19, 0),
        "6.1.0-56-amd64": None,
        "5.15.0-91-generic": None,
        "6.12.117+deb12-amd64": (6, 12, 117),
        "": None,
        "OpenWrt": None,
        "६.१२.४०": None,
    }.items(),
)
def test_a_release_as_uname_prints_it(release: str, numbers: tuple[int, int, int] | None) -> None:
    assert version(release) == numbers


@pytest.mark.parametrize(
    ("name", "faulty", "sound"),
    [
        ("CUT", "5.15.189 6.1.31 6.3.9", "6.1.32 6.1.192 6.4.0 6.12.40 4.15.0"),
        ("TIMEOUT", "6.14.0 6.16.3 6.18.38 7.0.9 7.1.3", "6.13.9 6.12.117 6.18.39 7.1.4 7.2.0"),
        ("PPPOE", "5.13.0 5.15.156 6.1.87 6.2.0 6.6.28 6.7.9 6.8.7", "5.10.156 5.15.157 6.1.88 6.6.29 6.8.8 6.12.1"),
        ("HALF", "6.1.72 6.1.190 6.3.0 6.6.17 6.7.5", "5.15.189 6.1.71 6.1.191 6.2.16 6.6.18 6.7.6 6.8.0 6.12.40"),
        ("FREED", "5.15.189 6.1.188 6.6.158 6.12.40 6.12.111 6.17.3 6.18.53", "6.1.189 6.6.159 6.12.112 6.18.54 7.0.1"),
        ("FREED", "6.12.9", "6.12.1120 6.12.113"),
    ],
)
def test_which_releases_have_a_fault(name: str, faulty: str, sound: str) -> None:
    assert all(FAULTS[name].has(release) for release in faulty.split())
    assert not any(FAULTS[name].has(release) for release in sound.split())


@given(st.sampled_from(sorted(FAULTS)), releases, st.integers(0, 300))
def test_a_later_release_of_a_series_does_not_get_a_mended_fault_again(
    name: str, found: tuple[int, int, int], later: int
) -> None:
    fault = FAULTS[name]
    begun = found >= next((each for each in fault.since if each[:2] == found[:2]), fault.since[-1])
    after = (found[0], found[1], found[2] + later)
    assert not fault.has(text(after)) or fault.has(text(found)) or not begun


@given(st.sampled_from(sorted(FAULTS)), releases)
def test_before_and_after_all_named_releases_there_is_no_fault(name: str, found: tuple[int, int, int]) -> None:
    fault = FAULTS[name]
    if found < fault.since[0] or found >= fault.mended[-1]:
        assert not fault.has(text(found))


@given(st.sampled_from(sorted(FAULTS)))
def test_the_last_faulty_release_is_the_one_before_the_mended(name: str) -> None:
    fault = FAULTS[name]
    for major, minor, patch in fault.mended:
        assert not fault.has(text((major, minor, patch)))
        assert not patch or fault.has(text((major, minor, patch - 1)))


@given(st.text(max_size=20))
def test_any_text_is_a_release_or_none(release: str) -> None:
    for fault in FAULTS.values():
        assert isinstance(fault.has(release), bool)


PPPOE = Snapshot(
    links=(Link("br-wan", "bridge"), Link("eth1.7", "vlan", lower=("eth1",), master="br-wan"), Link("eth1")),
    networks=(Network("wan", up=True, l3_device="pppoe-wan", device="br-wan", proto="pppoe"),),
    kernel=Kernel("6.1.80"),
)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (("pppoe-wan", "eth1"), FindingCode.KERNEL_PPPOE(devices="eth1", release="6.1.80")),
        (("pppoe-wan",), FindingCode.KERNEL_PPPOE.done(devices="br-wan, eth1.7, eth1", release="6.1.80")),
        (("eth1",), None),
    ],
)
def test_devices_below_a_pppoe_device_are_found_through_bridge_ports(listed: tuple[str, ...], found: object) -> None:
    plan = Plan(tables=(Table("flow_offload", "sw", hardware=False, devices=listed, elements=()),))
    pppoe = [each for each in of_kernel(PPPOE, plan) if each.code is FindingCode.KERNEL_PPPOE]
    assert pppoe == ([found] if found else [])


def test_devices_that_stand_on_each_other_are_each_below_once() -> None:
    circle = Snapshot(links=(Link("a", "vlan", lower=("b",)), Link("b", "vlan", lower=("a",))))
    assert all_below(["a"], directly_below(circle)) == ("b", "a")
