"""A PPPoE session over another side: a real pppd that dials, in the kernel, and a real pppoe-server that answers."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from kernel.daemons import Daemon, wait_until
from kernel.netns import Namespace
from kernel.sides import Ends, Side

DEVICE, FAR = "pppoe-wan", "ppp-far"
LOG, OPTIONS = Path("/run/pppoe-server.log"), Path("/run/pppoe-server.options")
# The provider's end: its pppd names the device and asks for no password.
SERVER = f"noauth\nifname {FAR}\nmtu 1492\nmru 1492\nnodefaultroute\n+ipv6\nlcp-restart 1\nlogfile {LOG}\n"
SIZE = ["mtu", "1492", "mru", "1492"]
DIAL = ["noauth", "nodetach", "nodefaultroute", "noipdefault", "+ipv6", "lcp-restart", "1", *SIZE]


class Pppoe:
    """A side of a router: a subscriber's session, which can end and come back."""

    def __init__(self, beneath: Side) -> None:
        self._beneath = beneath

    def __call__(self, router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        ends = self._beneath(router, far, stack)
        self._router, self._far = router, far
        self._parents = (ends.l3, ends.far)
        subprocess.run(["modprobe", "-a", "ppp_generic", "pppoe"], check=True)
        OPTIONS.write_text(SERVER)
        self.dial()
        stack.callback(self.hang_up)
        return Ends(DEVICE, FAR, proto="pppoe", parent=ends.l3)

    def dial(self) -> None:
        """Connect, and give both ends their IPv6 addresses, which a router gets by DHCPv6."""
        # a server of its own for each session: one that goes on holds the address back for a while
        ours, theirs = self._parents
        addresses = ["-L", "203.0.113.2", "-R", "203.0.113.1", "-N", "1"]
        self._server = Daemon(self._far, "pppoe-server", "-F", "-I", theirs, "-O", str(OPTIONS), *addresses)
        self._dialer = Daemon(self._router, "pppd", "plugin", "rp-pppoe.so", f"nic-{ours}", "ifname", DEVICE, *DIAL)
        wait_until(lambda: "inet " in _shown(self._router, DEVICE), DEVICE, self._dialer.log)
        wait_until(lambda: "inet " in _shown(self._far, FAR), FAR, LOG)
        self._router.ip(f"addr add 2001:db8:ff::1/64 dev {DEVICE}")
        self._far.ip(f"addr add 2001:db8:ff::2/64 dev {FAR}", f"route add 0/0 dev {FAR}", f"route add ::/0 dev {FAR}")

    def hang_up(self) -> None:
        """End the session; the device goes with it, at both ends."""
        self._dialer.stop()
        self._server.stop()
        wait_until(lambda: not _exists(self._router, DEVICE), f"the end of {DEVICE}")
        wait_until(lambda: not _exists(self._far, FAR), f"the end of {FAR}", LOG)


def _exists(host: Namespace, device: str) -> bool:
    """Whether there is the device, also without an address: pppd cannot give its name to the next session's."""
    return f" {device}: " in host.run("ip", "-o", "link")


def _shown(host: Namespace, device: str) -> str:
    listed = host.run("ip", "-o", "addr").splitlines()
    return "\n".join(line for line in listed if f" {device} " in line)
