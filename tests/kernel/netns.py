"""Network namespaces as the hosts of a test network, and cables between them."""

import ctypes
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A host: a network namespace of this name, whose IPv6 addresses are usable at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)
        # Duplicate address detection would hold every test up for a second or two.
        self.sysctl({"net/ipv6/conf/default/accept_dad": 0, "net/ipv6/conf/all/accept_dad": 0})

    def delete(self) -> None:
        """Remove the host; its devices, connections and rulesets go with it."""
        subprocess.run(["ip", "netns", "delete", self.name], check=True)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this thread opens or starts meanwhile lives on this host: sockets, processes, /proc/sys/net."""
        here, there = Path("/proc/thread-self/ns/net"), Path("/run/netns", self.name)
        with here.open("rb") as home, there.open("rb") as away:
            _set_namespace(away.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def run(self, *argv: str, text: str | None = None) -> str:
        """Run a program on this host and return what it printed; `text` is its input."""
        with self.entered():
            done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.name}: {' '.join(argv)}: {done.stderr or done.stdout}"
        return done.stdout

    def ip(self, *commands: str) -> None:
        """Run `ip` commands, all in one process."""
        self.run("ip", "-batch", "-", text="\n".join(commands))

    def nft(self, text: str) -> None:
        """Load nft text as one transaction."""
        self.run("nft", "-f", "-", text=text)

    def sysctl(self, values: dict[str, int]) -> None:
        """Set sysctls, named by their path below /proc/sys."""
        with self.entered():
            for name, value in values.items():
                Path("/proc/sys", name).write_text(str(value))

    def mac(self, device: str) -> str:
        """The MAC address of a device."""
        return self.run("ip", "-o", "link", "show", device).partition("link/ether ")[2].split()[0]


def _set_namespace(descriptor: int) -> None:
    # os.setns came with Python 3.12
    if LIBC.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def cable(one: Namespace, device: str, other: Namespace, peer: str) -> None:
    """Join two hosts: `device` on `one` and `peer` on `other` are the ends of a veth pair, both up."""
    one.ip(f"link add {device} type veth peer name {peer} netns {other.name}", f"link set {device} up")
    other.ip(f"link set {peer} up")
