"""A router's guest time per packet, measured with the kernel's packet generator (pktgen).

In a machine whose clock counts instructions (QEMU's icount) results differ by less than a percent, whatever else the
host does. Measured is the processor time of the kernel's threads that send and receive; the generator's own clock would
include other work of the guest. A run sends packets of one established UDP flow from a host through the router, and the
far host drops them at ingress. The cost of the generator and the near cable is measured by a run whose packets the
router drops at ingress.
"""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.established import Flow
from bench.rows import Figure, repeated
from kernel.netns import Namespace

PROC = Path("/proc")
PKTGEN = Path("/proc/thread-self/net/pktgen")
SIZE = 128  # bytes of a packet
COUNT = 2_000  # packets of a run
AGREED = 0.003  # two runs in succession that differ by less are one figure
# Seconds before a run, in which RCU frees what was closed or ended before (files of /proc, the memory of nft: 900
# objects), else it may do so in the threads that are watched. To an idle guest they are free.
SETTLE = 0.2
WARM = 500  # packets after which caches, neighbours and the generator itself are warm
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
QUEUE = 1 << 24  # bytes of a socket
SLABS = Path("/sys/kernel/slab")
MORE = 100  # packets, more than partly used slabs have room for
CACHES = ("kmalloc-1k", "skbuff_head_cache")  # of the data and the heads of packets of this SIZE
# Nanoseconds between two packets that workqueues handle, each packet by itself: where packets wait for each other, how
# the threads take turns moves a figure by 4 % from run to run, and by 10 % from machine to machine.
APART = 500_000
THREADS = {"kpktgend_0", "ksoftirqd/0"}
WORKER = "kworker/"
DROP = """table netdev bench {{
	chain sink {{ type filter hook ingress devices = {{ {devices} }} priority -500; policy drop; }}
}}"""


@dataclass(frozen=True)
class Sink:
    """A host that drops all that comes in on these devices, before it looks at it."""

    host: Namespace
    devices: tuple[str, ...]

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """For as long as a run takes; ARP, LCP and the like bear that."""
        self.host.nft(DROP.format(devices=", ".join(f'"{device}"' for device in self.devices)))
        try:
            yield
        finally:
            self.host.nft("delete table netdev bench")


def blast(flow: Flow, count: int) -> float:
    """Send `count` packets of the flow; microseconds of guest time per packet, with all they caused in the kernel."""
    settings = (
        f"count {count}",
        f"pkt_size {SIZE}",
        f"delay {APART if flow.workers else 0}",
        "clone_skb 0",
        f"dst {flow.address}",
        f"src_min {flow.source}",
        f"src_max {flow.source}",
        f"dst_mac {flow.mac}",
        *_ports("src", flow.sports),
        *_ports("dst", flow.dports),
    )
    device = flow.sender.device
    with flow.sender.host.entered():
        with suppress(OSError):
            _write("kpktgend_0", "rem_device_all")
        _write("kpktgend_0", f"add_device {device}")
        for setting in settings:
            _write(device, setting)
        threads = _threads(flow)
        time.sleep(SETTLE)
        before = _busy(threads)
        _write("pgctrl", "start")
        after = _busy(threads)
        if flow.workers:
            after |= _busy(_threads(flow) - threads)
        assert "Result: OK: " in (PKTGEN / device).read_text()
        _write("kpktgend_0", "rem_device_all")
    return sum(busy - before.get(thread, 0) for thread, busy in after.items()) / 1000 / count


def _ports(which: str, ports: range) -> tuple[str, str]:
    # the generator leaves out the highest, unless it is the only one
    return f"udp_{which}_min {ports.start}", f"udp_{which}_max {ports.stop if len(ports) > 1 else ports.start}"


def _make_room() -> None:
    """Begin with an empty slab for packets.

    Where the processor's slab has one free object and a packet needs two (the generator's and a copy), the kernel
    changes slabs twice for each packet, 0.5 us on 6.1, for as long as no other work changes how full the slabs are.
    """
    room = MORE + max(map(_room, CACHES))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unread,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):  # not of AF_UNIX: the kernel takes the memory of its packets from other slabs
        unread.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
        unread.bind(("127.0.0.1", 0))
        for _ in range(room):
            sender.sendto(bytes(SIZE * 4), unread.getsockname())


def _room(cache: str) -> int:
    """How many more objects the partly used slabs of a cache have room for, after they are shrunk."""
    slabs = SLABS / cache
    try:
        (slabs / "shrink").write_text("1")
        objects, total = (int((slabs / name).read_text().split()[0]) for name in ("objects", "total_objects"))
    except OSError:  # a kernel without such a cache, or without these files
        return 0
    return total - objects


def _threads(flow: Flow) -> set[Path]:
    """The threads that send and receive packets, each namespace has a generator; and those of the workqueues."""
    found = set[Path]()
    for file in PROC.glob("[0-9]*/comm"):
        with suppress(OSError):  # it has ended
            name = file.read_text().strip()
            if name in THREADS or (flow.workers and name.startswith(WORKER)):
                found.add(file.parent)
    return found


def _busy(threads: Iterable[Path]) -> dict[Path, int]:
    """Nanoseconds that each of these has run so far; without those that have ended."""
    found = dict[Path, int]()
    for thread in threads:
        with suppress(OSError):
            found[thread] = int((thread / "schedstat").read_text().split()[0])
    return found


def _write(name: str, command: str) -> None:
    (PKTGEN / name).write_text(command + "\n")


def cost(flow: Flow, around: Sink, beyond: Sink, count: int = COUNT) -> Figure:
    """Guest microseconds per packet of the router alone: `around` drops what reaches it, `beyond` what leaves it."""
    blast(flow, WARM)
    without = dropped(flow, around, count)
    return dropped(flow, beyond, count) - without


def dropped(
    flow: Flow,
    sink: Sink,
    count: int = COUNT,
    agreed: float = AGREED,
    elsewhere: Callable[[], float] = lambda: 0,
) -> Figure:
    """Guest microseconds per packet until the sink drops it, generator and cables included: of two runs that agree.

    `elsewhere`: microseconds so far of work in these threads that a router's processor would not do; they do not count.
    """

    def run() -> float:
        _make_room()
        before = elsewhere()
        whole = blast(flow, count)
        return whole - (elsewhere() - before) / count

    with sink.dropping():
        return repeated(run, agreed)
