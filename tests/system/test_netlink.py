"""The running kernel's devices, whatever they are called: in a network namespace of the test's own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offload.system import netifd
from offload.system.netlink.route.links import Netlink
from offload.system.netlink.wire import device_name

# What are no letters, a byte that begins a letter, what controls a terminal, what ends a line of text, and a quote
NAMES = (b"\xff\xfe", b"\xff\xfd", b"a\xc3", b"\x1b[31m", b"a\x1cb", b"a\xc2\x85b", b"\xe2\x80\xa8", b'q"\\')
SHOWN = [r"\xff\xfe", r"\xff\xfd", r"a\xc3", r"\x1b[31m", r"a\x1cb", r"a\u0085b", r"\u2028", r'q"\\']
PROGRAM = """
import json
import subprocess
from offload.system.netlink.route.links import Netlink
from offload.system.netlink.route.monitor import Monitor
from offload.system.netlink.route.rtnetlink import NeighbourEvent
names = NAMES
ip = lambda *words: subprocess.run([b"ip", *words], check=True)
for number, name in enumerate(names):
    ip(b"link", b"add", name, b"type", b"veth", b"peer", b"name", b"peer%d" % number)
    ip(b"link", b"set", name, b"up")
    ip(b"address", b"add", b"10.0.%d.1/24" % number, b"dev", name)
door, monitor = Netlink(), Monitor()
links = {link.index: link.name for link in door.scene().links if not link.name.startswith("peer")}
seen = {monitor.named(NeighbourEvent("192.0.2.1", "02:00:00:00:00:01", index, 0, 0)).device for index in links}
print(json.dumps({
    "links": list(links.values()),
    "received": list(door.received()),
    "routes": [device for each in door.routes() for device in each.devices if each.target.version == 4],
    "neighbours": sorted(seen),
    "left": [door.leaving(bytes([10, 0, number, 9])).device for number in range(len(names))],
}))
"""


def test_names_of_devices_are_text_that_tells_them_apart() -> None:
    if not all(map(shutil.which, ("unshare", "ip"))):
        pytest.skip("needs the programs unshare and ip")
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("may not make network namespaces here")
    command = ["unshare", "-rn", sys.executable, "-c", PROGRAM.replace("NAMES", repr(NAMES))]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for what, names in found.items():
        assert {each for each in names if each != "lo" and not each.startswith("peer")} == set(SHOWN), what


def test_a_name_of_a_device_is_escaped_where_it_is_no_text() -> None:
    assert list(map(device_name, NAMES)) == SHOWN
    assert device_name("büro\0".encode()) == "büro" and device_name(b"br-lan.20\0\0") == "br-lan.20"


def test_two_devices_have_two_names() -> None:
    """A byte that is no text, and the character of that number, which does not print, are two names."""
    letters = [bytes([each]) for each in range(1, 256)]
    names = [*letters, *(first + second for first in letters for second in letters)]
    assert len(set(map(device_name, names))) == len(names)
    assert (device_name(b"\x9b"), device_name(b"\xc2\x9b")) == (r"\x9b", r"\u009b")


def test_netifd_s_names_of_devices_are_those_of_the_kernel() -> None:
    names = [name.decode(errors="surrogateescape") for name in NAMES] + ["\ud800"]
    found = [(each.l3_device, each.device) for each in netifd.networks({"interface": list(map(_up, names))})]
    assert found == [(name, name) for name in (*SHOWN, "?")]
    status = {name: {"parent": name, "bridge-members": [name], "hw-tc-offload": True} for name in names}
    assert [(each["name"], *each["lower"]) for each in netifd.links(status)] == [(name,) * 3 for name in (*SHOWN, "?")]
    assert netifd.hw_tc_offload(status) == {*SHOWN, "?"}


def _up(name: str) -> dict[str, object]:
    return {"interface": "lan", "up": True, "l3_device": name, "device": name}


def test_counters_of_any_device_are_read(tmp_path: Path) -> None:
    lines = [b"  " + name + b": %d 2 3" % number for number, name in enumerate(NAMES)]
    (tmp_path / "dev").write_bytes(b"\n".join([b"head", b"head", *lines, b""]))
    assert Netlink(received=tmp_path / "dev").received() == dict(zip(SHOWN, range(len(NAMES)), strict=True))
