"""What kernel and nft can do, asked once at start, each lack in words with the OpenWrt package that provides it.

The order matters: a kernel without flowtables and a missing device give the same ENOENT (docs/kernel.md 2): a flowtable
without devices is asked for before any device is named. `nft -c` goes through the kernel and changes nothing.
"""

from collections.abc import Iterable
from typing import Protocol

from offload.errors import NftError, NftFault
from offload.model.network import CONNTRACK_MAX, Kernel, Lack

FLOWTABLE = "flowtable f { hook ingress priority filter; counter; }"
MAP = 'chain t { }\nmap m { type ifname . ifname : verdict; elements = { "a" . "b" : goto t }; }'
KEY = "ct id . ct original ip saddr . ct original ip daddr"
REPLIED = f"""set r {{ typeof {KEY}; size 16; flags dynamic, timeout; timeout 1m; }}
chain t {{ update @r {{ {KEY} }} accept; delete @r {{ {KEY} }}; }}"""
STEPS = (
    ("chain c { }", Lack("this kernel has no nftables", "kmod-nft-core")),
    (
        "chain c { type filter hook forward priority filter + 10; ct state established accept; }",
        Lack("this kernel cannot match connections in nftables", "kmod-nft-core"),
    ),
    (
        FLOWTABLE,
        Lack("this kernel has no flowtables", "kmod-nft-offload"),
    ),
    (
        f"{FLOWTABLE}\nchain c {{ type filter hook forward priority filter + 10; flow add @f; }}",
        Lack("this kernel cannot add flows to a flowtable by a rule", "kmod-nft-offload"),
    ),
    (
        f"{MAP}\nchain c {{ type filter hook forward priority filter + 10; iifname . oifname vmap @m; }}",
        Lack("this kernel or nft cannot choose by a pair of devices", "kmod-nft-core and a newer nftables-json"),
    ),
    (
        REPLIED,
        Lack("this kernel or nft cannot remember accepted replies", "kmod-nft-core and a newer nftables-json"),
    ),
)


HARDWARE = """table inet flow_offload_probe {{
	flowtable f {{ hook ingress priority filter; devices = {{ {devices} }}; flags offload; }}
}}
"""


class Asked(Protocol):
    """What is asked of the nft door about devices."""

    def check(self, text: str) -> None: ...


class Checker(Asked, Protocol):
    """What the probe asks of it besides."""

    def version(self) -> str: ...
    def lists(self) -> None: ...


def probe(nft: Checker, release: str, modules: Iterable[str] = (), conntrack_max: int = CONNTRACK_MAX) -> Kernel:
    """Ask step by step and stop at the first lack: what comes after it would fail for the same cause."""
    try:
        version = nft.version()
        nft.lists()
    except NftError as error:
        package = "nftables-json" if error.fault in {NftFault.NO_PROGRAM, NftFault.NO_JSON} else ""
        return Kernel(release, flowtable=False, missing=(Lack(_plain(error), package),))
    for body, lack in STEPS:
        try:
            nft.check(f"table inet flow_offload_probe {{\n{body}\n}}\n")
        except NftError as error:
            found = Lack(f"{lack.what} ({error})", lack.package)
            if error.fault is NftFault.NOT_PERMITTED:
                found = Lack(str(error), "")
            return Kernel(release, flowtable=False, nft=version, modules=tuple(modules), missing=(found,))
    return Kernel(release, flowtable=True, nft=version, modules=tuple(modules), conntrack_max=conntrack_max)


def bindable(nft: Asked, names: Iterable[str]) -> dict[str, bool]:
    """Which of these devices the kernel would have in a flowtable with `flags offload`, each for itself.

    Without those that it cannot say now. An NftError where nft itself fails: that says nothing of any device.
    Asking binds them for a moment, so devices that such a flowtable has already must not be asked for: they are busy.
    OpenWrt's kernel says yes to every device (docs/kernel.md 5); there only live flows tell.
    """
    asked = sorted(names)
    if not asked or _binds(nft, asked):
        return dict.fromkeys(asked, True)
    answers = {name: _binds(nft, [name]) for name in asked}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _binds(nft: Asked, names: Iterable[str]) -> bool | None:
    try:
        nft.check(HARDWARE.format(devices=", ".join(f'"{name}"' for name in names)))
    except NftError as error:
        match error.fault:
            case NftFault.NOT_SUPPORTED:
                return False
            case NftFault.KERNEL_REFUSED:
                return None
        raise
    return True


def _plain(error: NftError) -> str:
    """The sentence without its advice, which the Lack gives as a package."""
    return str(error).partition(": install")[0]
