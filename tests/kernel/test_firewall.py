"""The firewall loaded by the engine: no moment without it, what nft refuses, and rules of others in its table."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kernel.inside import NETIFD, capability
from kernel.lab import Home, Router
from kernel.netns import Namespace
from offload.model.cause import Cause
from offload.service.bus import methods
from offload.service.doors import Doors
from offload.service.engine import Engine
from offload.service.hints.kernel_events import causes_of_others
from offload.service.main import firewall_doors
from offload.system.config.uci import Uci
from offload.system.files.private_file import FakePrivateFile
from offload.system.firewall_turn import CALLED, now
from offload.system.netifd import DUMP
from offload.system.netlink.ct.conntrack import Conntrack
from offload.system.netlink.route.links import Netlink
from offload.system.netlink.route.monitor import Monitor
from offload.system.nft.door import Nft
from offload.system.ubus.client import FakeUbusClient

OURS = Path("/run/offload.test")
RUNNING = Path("/var/run/offload")
PORT = 9999
MILLISECOND = 0.001
BAD_RULE = """
config rule
	option name 'Unknown helper'
	option src 'wan'
	option proto 'tcp'
	option dest_port '21'
	option set_helper 'ftp'
	option target 'HELPER'
"""
SET = """
config ipset 'hosts'
	option name 'hosts'
	list match 'src_ip'
"""
INCLUDE = """
config include
	option type 'nftables'
	option path '{path}'
	option position 'chain-pre'
	option chain 'input'
"""
RULE = """
config rule
	option name 'Open'
	option src 'wan'
	option proto 'udp'
	option dest_port '9999'
	option target 'ACCEPT'
"""


@dataclass
class Lab:
    """A router with an engine whose firewall is its own."""

    router: Router
    service: Engine = field(init=False)

    def start(self) -> None:
        """The service starts, for the first time or again."""
        dump = json.loads((self.router.replies / NETIFD).read_text())
        doors = Doors(
            uci=Uci(self.router.config),
            nft=Nft(),
            bus=FakeUbusClient({DUMP: dump, "service get_data": {}}),
            netlink=Netlink(),
            conntrack=Conntrack(),
            probe=capability,
            clock=time.monotonic,
            saved=FakePrivateFile(),
            firewall=firewall_doors(OURS),
        )
        self.service = Engine.of(doors)
        self.work()

    def work(self) -> None:
        """One pass."""
        with self.router.entered():
            assert self.service.work().error == ""
        assert self.service.firewall is not None and self.service.firewall.error == ""

    def call(self, action: str) -> dict[str, object]:
        """The ubus method `firewall`."""
        with self.router.entered():
            return methods.firewall(self.service, {"action": action})

    def rules(self) -> str:
        """The table as the kernel has it."""
        return self.router.table("fw4")


@dataclass
class Command:
    """`offload firewall VERB` on the router: in a fork of the warm process, or with begin() as a user starts it."""

    router: Router

    def __call__(self, *words: str, code: int = 0) -> str:
        """What it printed, both streams; its exit code must be the expected one."""
        done = self.router.product.run("firewall", *words)
        assert done.code == code, f"{words}: {done}"
        return done.out + done.err

    def begin(self, *words: str) -> "subprocess.Popen[bytes]":
        """A process of its own, still running."""
        command = ["ip", "netns", "exec", self.router.name, sys.executable, "-m", "offload", "firewall", *words]
        added = {"OFFLOAD_UBUS_SOCKET": str(self.router.socket), CALLED: str(now())}  # the time, as /sbin/fw4
        return subprocess.Popen(command, env=os.environ | added)


@pytest.fixture(name="lab")
def _lab(network: Home) -> Iterator[Lab]:
    lab = Lab(network.router)
    for file in OURS.glob("*") if OURS.exists() else ():
        file.unlink()
    network.router.reset()
    lab.start()
    yield lab
    with suppress(AssertionError):
        network.router.run("nft", "delete", "table", "inet", "fw4")
    network.router.reset()
    network.router.nft((Path(__file__).parent / "home/firewall.nft").read_text())


@contextmanager
def every_millisecond(sender: Namespace, router: Namespace) -> Iterator[list[int]]:
    """A packet from the internet to a port of the router in every millisecond; the list counts those that came in."""
    with router.entered():
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind(("0.0.0.0", PORT))  # noqa: S104  # a port of the test's own router
        listener.setblocking(False)
    with sender.entered():
        caller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    counts, over = [0, 0], threading.Event()

    def send() -> None:
        while not over.is_set():
            with suppress(OSError):  # refused, as an ICMP error says
                caller.sendto(b"?", ("203.0.113.2", PORT))
                counts[0] += 1
            time.sleep(MILLISECOND)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()
        with suppress(BlockingIOError):
            while listener.recv(16):
                counts[1] += 1
        listener.close()
        caller.close()


@pytest.fixture(name="command")
def _command(lab: Lab) -> Iterator[Command]:
    """The command on a router with the package and without a service, whose firewall is stopped."""
    script = Path("/usr/lib/offload/firewall")
    script.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).parents[2] / "files/usr/lib/offload/firewall", script)
    shutil.rmtree("/etc/offload", ignore_errors=True)
    for file in RUNNING.glob("firewall*"):
        file.unlink()
    command = Command(lab.router)
    command("stop")
    yield command
    script.unlink()


def test_the_command_loads_where_no_service_runs(lab: Lab, command: Command, network: Home) -> None:
    assert "no firewall is loaded" in command("network", "lan", code=1)
    command("reload", code=1)
    command("start")
    assert "chain input_wan" in lab.rules()
    assert Path("/etc/offload/firewall.nft").read_text().startswith("# configuration ")
    assert "loaded already" in command("start", code=1)
    assert (command("network", "lan"), command("device", "br-lan")) == ("lan\n", "lan\n")
    assert command("zone", "lan") == "br-lan\n" and command("zone", "nozone", code=1) == ""
    with every_millisecond(network.server, network.router) as counts:
        command("restart")
        command("reload")
    assert counts[0] > 100 and counts[1] == 0
    assert "every packet" in command("stop")
    assert lab.rules() == "" and (RUNNING / "firewall.stopped").exists()
    lab.router.nft("add table ip docker")
    command("flush")
    assert lab.router.run("nft", "list", "tables") == ""


def test_five_reloads_at_once_are_one_load(lab: Lab, command: Command) -> None:
    command("start")
    before = lab.router.generation()
    command("reload")
    assert lab.router.generation() == before  # nothing has changed
    lab.router.append("firewall", RULE)
    calls = [command.begin("reload") for _ in range(5)]
    assert [call.wait() for call in calls] == [0] * 5
    assert lab.router.generation() == before + 1
    lab.router.append("firewall", "config\n")  # no configuration that can be read
    calls = [command.begin("reload") for _ in range(5)]
    assert [call.wait() for call in calls] == [1] * 5
    assert "chain input_wan" in lab.rules()


def test_diff_shows_what_a_reload_would_change(lab: Lab, command: Command, tmp_path: Path) -> None:
    command("start")
    assert command("diff") == "Nothing would change.\n"
    lab.router.nft('add rule inet fw4 input_wan tcp dport 80 accept comment "acme"')
    lab.router.append("firewall", f"{RULE}{SET}\tlist entry '192.0.2.7'\n")
    output = command("diff", code=3)
    assert 'chain input_wan\n  - tcp dport 80 accept comment "acme"\n' in output
    assert '  + udp dport 9999 counter accept comment "!fw4: Open"\n' in output
    assert "set hosts (new)" in output
    assert "  + element 192.0.2.7\n" in output
    command("reload")
    lab.router.nft("add element inet fw4 hosts { 192.0.2.8 }")  # as dnsmasq does
    assert command("diff") == "Nothing would change.\n"
    lab.router.nft("delete element inet fw4 hosts { 192.0.2.7 }")
    assert command("diff", code=3) == "set hosts\n  + element 192.0.2.7\n"
    broken = tmp_path / "broken.nft"
    broken.write_text("tcp dport\n")
    lab.router.append("firewall", INCLUDE.format(path=broken))
    output = command("diff", code=3)
    assert output.startswith("set hosts\n  + element 192.0.2.7\n")
    assert f"File {broken} is left out: nft refuses it" in output  # as by a load
    command("stop")
    assert "chain input (new)" in command("diff", code=3)
    assert "fw4" not in lab.router.run("nft", "list", "tables")


def test_no_packet_comes_in_while_it_is_loaded_again(lab: Lab, network: Home) -> None:
    with every_millisecond(network.server, network.router) as counts:
        for action in ("restart", "reload", "start") * 2:
            assert lab.call(action)["ok"]
        lab.router.append("firewall", SET)  # an object comes, so the table's frame is another one
        lab.work()
        lab.start()
    assert counts[0] > 100 and counts[1] == 0


def test_the_same_packets_come_in_while_it_is_stopped(lab: Lab, network: Home) -> None:
    with every_millisecond(network.server, network.router) as counts:
        assert lab.call("stop")["stopped"]
        lab.work()  # a pass loads nothing
        time.sleep(0.2)
    assert counts[1] > 10
    assert lab.call("start")["loaded"] and "chain input_wan" in lab.rules()


def test_a_helper_that_the_kernel_lacks_costs_its_rule_alone(lab: Lab) -> None:
    """The sentence is the compiler's where it knows the module, and nft's where only the kernel knows."""
    lab.router.append("firewall", BAD_RULE + RULE)
    lab.work()
    assert "Unknown helper" not in lab.rules() and "!fw4: Open" in lab.rules()
    assert lab.service.firewall is not None and len(lab.service.firewall.problems) >= 1


def test_a_broken_nft_file_costs_itself(lab: Lab, tmp_path: Path) -> None:
    broken = tmp_path / "broken.nft"
    broken.write_text("this is no rule\n")
    lab.router.append("firewall", INCLUDE.format(path=broken) + RULE)
    lab.work()
    assert "!fw4: Open" in lab.rules()
    assert lab.service.firewall is not None
    assert str(broken) in " ".join(map(str, lab.service.firewall.problems))


def test_rules_and_elements_of_others_live_on(lab: Lab) -> None:
    lab.router.append("firewall", SET)
    lab.work()
    with lab.router.entered():
        monitor = Monitor()
    try:
        lab.router.nft('insert rule inet fw4 input_wan tcp dport 80 accept comment "acme"')
        elements = ", ".join(f"10.0.{number // 250}.{number % 250 + 1}" for number in range(1000))
        lab.router.nft(f"add element inet fw4 hosts {{ {elements} }}")
        heard = monitor.transactions()
        assert "fw4" in heard.tables
        with lab.router.entered():
            assert causes_of_others(lab.service, heard) == ()
        generation = lab.router.generation()
        lab.work()
        assert lab.router.generation() == generation
        lab.router.append("firewall", RULE.replace("Open", "Other").replace("'wan'", "'guest'"))
        lab.work()
        assert "!fw4: Other" in lab.rules() and '"acme"' in lab.rules() and "10.0.3.250" in lab.rules()
        monitor.transactions()
        lab.router.nft("flush chain inet fw4 input_guest")
        with lab.router.entered():
            assert causes_of_others(lab.service, monitor.transactions())[-1:] == (Cause.TABLES,)
        lab.work()
        assert "!fw4: Other" in lab.rules()
    finally:
        monitor.close()


def test_what_is_taken_out_of_a_set_goes_with_a_restart(lab: Lab) -> None:
    config = lab.router.config / "firewall"
    text = config.read_text()
    config.write_text(f"{text}{SET}\tlist entry '192.0.2.7'\n\tlist entry '192.0.2.8'\n")
    lab.call("reload")
    config.write_text(f"{text}{SET}\tlist entry '192.0.2.8'\n")
    lab.call("reload")
    assert "192.0.2.7" in lab.rules()
    assert lab.call("restart")["ok"]
    assert "192.0.2.7" not in lab.rules() and "192.0.2.8" in lab.rules()


def test_a_restarted_service_sends_nothing(lab: Lab) -> None:
    generation = lab.router.generation()
    lab.start()
    assert lab.router.generation() == generation


def test_the_ruleset_of_the_next_start_loads_by_itself(lab: Lab) -> None:
    text = (OURS / "firewall.nft").read_text()
    lab.router.run("nft", "delete", "table", "inet", "fw4")
    lab.router.nft(text)
    assert "chain input_wan" in lab.rules()


def test_a_whole_firewall_and_offload_are_one_transaction(lab: Lab) -> None:
    before = lab.router.generation()
    assert lab.call("restart")["changes"] == 1
    assert lab.router.generation() == before + 1
    assert "flow_offload" in lab.router.run("nft", "list", "tables")
