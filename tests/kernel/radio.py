"""Simulated Wi-Fi: access points of the router and a station, with radios of mac80211_hwsim that receive each other."""

import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from kernel.daemons import Daemon, wait_until
from kernel.floor import Floor
from kernel.netns import Namespace
from kernel.sides import Ends

RADIOS = 3
TRIES, TRY = 8, 3.0  # seconds
CHANNELS = {"phy0-ap0": (1, 2412), "phy1-ap0": (6, 2437)}  # the name OpenWrt gives an access point, channel, MHz
ACCESS_POINT = """interface={name}
driver=nl80211
ssid=home
hw_mode=g
channel={channel}
"""


class Air:
    """The radios: two access points that are ports of the router's br-lan, and the station's."""

    def __init__(self, router: Namespace, station: Namespace, stack: ExitStack) -> None:
        self._station = station
        subprocess.run(["modprobe", "mac80211_hwsim", f"radios={RADIOS}"], check=True)
        stack.callback(subprocess.run, ["modprobe", "-r", "mac80211_hwsim"], check=True)
        *ours, self.device = sorted(each.name for each in Path("/sys/class/net").glob("wlan*"))
        give(self.device, station)
        station.ip(f"link set {self.device} up")
        self.points: dict[str, str] = {}
        for wlan, name in zip(ours, CHANNELS, strict=True):
            give(wlan, router)
            router.ip(f"link set {wlan} name {name}")
            self._open(router, name, stack)

    def _open(self, router: Namespace, name: str, stack: ExitStack) -> None:
        self.points[name] = router.mac(name)
        config = Path("/run", f"{name}.conf")
        config.write_text(ACCESS_POINT.format(name=name, channel=CHANNELS[name][0]))
        daemon = Daemon(router, "hostapd", str(config))
        stack.callback(daemon.stop)
        wait_until(lambda: "AP-ENABLED" in daemon.log.read_text(), f"access point {name}", daemon.log)
        router.ip(f"link set {name} master br-lan")

    def join(self, name: str) -> None:
        """Let the station go to an access point, from wherever it is."""
        if "Connected" in self.link():
            self.leave()
        for _ in range(TRIES):
            self._station.run("iw", "dev", self.device, "connect", "home", str(CHANNELS[name][1]), self.points[name])
            if self._arrives(name):
                return
            with suppress(AssertionError):  # it gave up by itself
                self.leave()
        raise AssertionError(f"the station is not at {name}")

    def _arrives(self, name: str) -> bool:
        """Whether it comes there in time.

        The kernel tries three times and waits 0.2 s for each answer (IEEE80211_AUTH_TIMEOUT, net/mac80211/mlme.c). On a
        busy machine hostapd may be later; then the kernel has given up, and tries no more by itself.
        """
        deadline = time.monotonic() + TRY
        while time.monotonic() < deadline:
            if f"to {self.points[name]}" in self.link():
                return True
            time.sleep(0.05)
        return False

    def leave(self) -> None:
        """Let the station go away."""
        self._station.run("iw", "dev", self.device, "disconnect")

    def link(self) -> str:
        """What the station says of its connection."""
        return self._station.run("iw", "dev", self.device, "link")


def give(wlan: str, host: Namespace) -> None:
    """Give a radio to a host."""
    phy = Path("/sys/class/net", wlan, "phy80211/name").read_text().strip()
    subprocess.run(["iw", "phy", phy, "set", "netns", "name", host.name], check=True)


class Walk(Floor):
    """A LAN with two cables and two access points, and a station that goes from one to the other."""

    def __call__(self, router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
        ends = super().__call__(router, far, stack)
        self.air = Air(router, far, stack)
        far.ip(f"link set eth0 address {far.mac(self.air.device)}")  # one station, wherever it is
        self._device = ends.far
        return ends

    def go(self, place: str) -> None:
        """Take the station to a port of the bridge, with its addresses, and let it say that it is there.

        Between a cable and Wi-Fi it is at both for a moment.
        """
        device = self._device_at(place)
        self._reach(place)
        if device != self._device:
            self._drop()
            self._take(device)
        self.announce(device)

    def carry(self, place: str) -> None:
        """The same, and it is never at both."""
        device = self._device_at(place)
        if device != self._device:
            self._drop()
        self._reach(place)
        if device != self._device:
            self._take(device)
        self.announce(device)

    def _device_at(self, place: str) -> str:
        return "eth0" if place in self.PORTS else self.air.device

    def _reach(self, place: str) -> None:
        if place in self.PORTS:
            self.plug(place)
        else:
            self.air.join(place)

    def _drop(self) -> None:
        """Leave the place where the station is."""
        old = self._device
        self.station.ip(f"addr del 192.168.1.2/24 dev {old}", f"addr del 2001:db8:1::2/64 dev {old}")
        if old == self.air.device:
            self.air.leave()
        else:
            self.station.ip(f"link set {old} down")

    def _take(self, device: str) -> None:
        """Put the station's addresses on a device."""
        self._device = device
        self.station.ip(
            f"link set {device} up",
            f"addr add 192.168.1.2/24 dev {device}",
            f"addr add 2001:db8:1::2/64 dev {device}",
            "route replace 0/0 via 192.168.1.1",
            "route replace ::/0 via 2001:db8:1::1",
        )


def wifi(router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
    """A bridge with two access points, and a station at the first."""
    router.ip("link add br-lan type bridge", "link set br-lan up")
    air = Air(router, far, stack)
    air.join(next(iter(CHANNELS)))
    return Ends("br-lan", air.device)
