"""A PPPoE session over another side: a real pppd that dials, a real pppoe-server that answers."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from kernel.daemons import Daemon, wait_until
from kernel.netns import Namespace
from kernel.sides import Ends, Side

DEVICE, FAR = "pppoe-wan", "ppp-far"
PLUGINS = Path("/etc/ppp/plugins")
# The provider's end: its pppd names the device, gives the addresses, and asks for no password.
SERVER = f"noauth\nifname {FAR}\nmtu 1492\nmru 1492\nnodefaultroute\n+ipv6\nlogfile /run/pppoe-server.log\ndebug\n"
DIAL = "noauth nodetach nodefaultroute noipdefault +ipv6 mtu 1492 mru 1492 persist maxfail 0 holdoff 1".split()


class Session:
    """A subscriber's session, which can end and come back."""

    def __init__(self, router: Namespace, parent: str, far: Namespace, device: str) -> None:
        self._router, self._far, self._parent = router, far, parent
        subprocess.run(["modprobe", "-a", "ppp_generic", "pppoe"], check=True)
        options = Path("/run/pppoe-server.options")
        options.write_text(SERVER)
        PLUGINS.mkdir(parents=True, exist_ok=True)
        link = PLUGINS / "rp-pppoe.so"  # where pppoe-server looks for what lets the kernel do the work
        if not link.exists():
            link.symlink_to(next(Path("/usr/lib/pppd").glob("*/rp-pppoe.so")))
        addresses = ["-L", "203.0.113.2", "-R", "203.0.113.1", "-N", "1"]
        self._server = Daemon(far, "pppoe-server", "-F", "-k", "-I", device, "-O", str(options), *addresses)
        self.dial()

    def dial(self) -> None:
        """Connect, and give both ends their IPv6 addresses, which a router gets by DHCPv6."""
        self._dialer = Daemon(
            self._router, "pppd", "plugin", "rp-pppoe.so", f"nic-{self._parent}", "ifname", DEVICE, *DIAL
        )
        for host, device in ((self._router, DEVICE), (self._far, FAR)):
            wait_until(lambda host=host, device=device: "inet " in _shown(host, device), device, Path("/run/pppoe-server.log"))
        self._router.ip(f"addr add 2001:db8:ff::1/64 dev {DEVICE}")
        self._far.ip(
            f"addr add 2001:db8:ff::2/64 dev {FAR}", f"route add default dev {FAR}", f"route add ::/0 dev {FAR}"
        )

    def hang_up(self) -> None:
        """End the session; the device goes with it, at both ends."""
        self._dialer.stop()
        for host, device in ((self._router, DEVICE), (self._far, FAR)):
            wait_until(lambda host=host, device=device: not _shown(host, device), f"the end of {device}")

    def close(self) -> None:
        """End everything."""
        self.hang_up()
        self._server.stop()


SESSIONS: list[Session] = []  # those that are there now, for a test that ends one and dials again


def pppoe(beneath: Side) -> Side:
    """A PPPoE session over another side."""

    def lay(router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        ends = beneath(router, far, stack)
        session = Session(router, ends.l3, far, ends.far)
        SESSIONS.append(session)
        stack.callback(SESSIONS.remove, session)
        stack.callback(session.close)
        return Ends(DEVICE, FAR, proto="pppoe", parent=ends.l3)

    return lay


def _shown(host: Namespace, device: str) -> str:
    listed = host.run("ip", "-o", "addr")
    return "\n".join(line for line in listed.splitlines() if f" {device} " in line)
