"""Wi-Fi without air: two access points of the router and a station, radios of mac80211_hwsim that hear each other."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

from kernel.daemons import Daemon, wait_until
from kernel.netns import Namespace
from kernel.sides import Ends

RADIOS = 3
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
        # What still runs when the module goes would keep it; the stack ends the daemons first.
        stack.callback(lambda: subprocess.run(["modprobe", "-r", "mac80211_hwsim"], check=True))
        *names, self.device = sorted(each.name for each in Path("/sys/class/net").glob("wlan*"))
        self.points: dict[str, str] = {}
        for host, wlan in ((router, names[0]), (router, names[1]), (station, self.device)):
            _carry(wlan, host)
        for wlan, (name, (channel, _)) in zip(names, CHANNELS.items(), strict=True):
            router.ip(f"link set {wlan} name {name}")
            self.points[name] = router.mac(name)
            config = Path("/run", f"{name}.conf")
            config.write_text(ACCESS_POINT.format(name=name, channel=channel))
            daemon = Daemon(router, "hostapd", str(config))
            stack.callback(daemon.stop)
            wait_until(lambda log=daemon.log: "AP-ENABLED" in log.read_text(), f"access point {name}", daemon.log)
            router.ip(f"link set {name} master br-lan")
        station.ip(f"link set {self.device} up")

    def join(self, name: str) -> None:
        """Let the station go to an access point, from wherever it is."""
        _, frequency = CHANNELS[name]
        self._station.run("iw", "dev", self.device, "connect", "home", str(frequency), self.points[name])
        wait_until(lambda: f"to {self.points[name]}" in self.link(), f"the station at {name}")

    def leave(self) -> None:
        """Let the station go away."""
        self._station.run("iw", "dev", self.device, "disconnect")

    def link(self) -> str:
        """What the station says of its connection."""
        return self._station.run("iw", "dev", self.device, "link")


def _carry(wlan: str, host: Namespace) -> None:
    """Give a radio to a host."""
    phy = Path("/sys/class/net", wlan, "phy80211/name").read_text().strip()
    subprocess.run(["iw", "phy", phy, "set", "netns", "name", host.name], check=True)


def wifi(router: Namespace, far: Namespace, stack: ExitStack) -> Ends:
    """A bridge with two access points, and a station at the first."""
    router.ip("link add br-lan type bridge", "link set br-lan up")
    air = Air(router, far, stack)
    air.join(next(iter(CHANNELS)))
    return Ends("br-lan", air.device)
