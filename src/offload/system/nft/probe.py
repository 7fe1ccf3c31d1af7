"""Probe the features of kernel and nft; a missing one is a Lack with the OpenWrt package for it.

One `nft -c` checks all features of STEPS; if that is refused, one for each feature finds the first that is missing.
"""

from collections.abc import Iterable
from typing import Protocol

from offload.errors import NftError, NftFault
from offload.model.network import CONNTRACK_MAX, Kernel, Lack
from offload.nouns import replace

FLOWTABLE = "flowtable f { hook ingress priority filter; counter; }"
MAP = 'chain t { }\nmap m { type iface_index . iface_index : verdict; elements = { "lo" . "lo" : goto t }; }'
KEY = "ct original ip saddr . ct original ip daddr . ct id"
REPLIED = f"""set r {{ typeof {KEY}; size 16; flags dynamic, timeout; timeout 1m; }}
chain t {{ update @r {{ {KEY} }} accept; delete @r {{ {KEY} }}; }}"""
# A kernel without flowtables and a missing device give the same ENOENT (docs/kernel.md 2), so a flowtable without
# devices is checked before a device is named.
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
        f"{MAP}\nchain c {{ type filter hook forward priority filter + 10; iif . oif vmap @m; }}",
        Lack("this kernel or nft cannot choose by a pair of devices", "kmod-nft-core and a newer nftables-json"),
    ),
    (
        "chain c { type nat hook postrouting priority -199; }",
        Lack("this kernel has no NAT chains in nftables", "kmod-nft-nat"),
    ),
    (
        REPLIED,
        Lack("this kernel or nft cannot remember accepted replies", "kmod-nft-core and a newer nftables-json"),
    ),
)
# A kernel without XFRM has no IPsec, and refuses this.
IPSEC = "chain c { type filter hook forward priority filter + 10; rt ipsec exists accept; }"

HARDWARE = """table inet flow_offload_probe {{
	flowtable f {{ hook ingress priority filter; devices = {{ {devices} }}; flags offload; }}
}}
"""


class CheckingNft(Protocol):
    """An nft that can check texts with the kernel without loading them, such as Nft."""

    def check(self, text: str) -> None: ...


class Checker(CheckingNft, Protocol):
    """An nft that can check texts, give its version, and check that it can list in JSON, such as Nft."""

    def version(self) -> str: ...
    def lists(self) -> None: ...


def probe(nft: Checker, release: str, modules: Iterable[str] = (), conntrack_max: int = CONNTRACK_MAX) -> Kernel:
    """Check by runs of nft, which change nothing, whether kernel and nft have the features that offload needs.

    If not, `missing` of the Kernel has one Lack, for the first feature that is missing or for the failure of nft, and
    `flowtable` is False. Else `missing` is empty, and `ipsec` tells whether nft and kernel accept a rule about IPsec.
    No NftError is raised. `release`, `modules`, `conntrack_max`: values for the fields of these names. But if something
    is missing, `conntrack_max` has its default, and so has `modules` if nft fails.
    """
    try:
        version = nft.version()
        nft.lists()
    except NftError as error:
        return Kernel(release, flowtable=False, missing=(Lack(error.sentence, error.package),))
    kernel = Kernel(release, nft=version, modules=tuple(modules), conntrack_max=conntrack_max)
    texts = [_numbered(number, body) for number, body in enumerate((*(body for body, _ in STEPS), IPSEC))]
    if _refusal(nft, "".join(texts)) is None:
        return replace(kernel, ipsec=True)
    if found := _first_lack(nft, texts[:-1]):
        return Kernel(release, flowtable=False, nft=version, modules=tuple(modules), missing=(found,))
    return replace(kernel, ipsec=_refusal(nft, texts[-1]) is None)


def _numbered(number: int, body: str) -> str:
    return f"table inet flow_offload_probe{number} {{\n{body}\n}}\n"


def _first_lack(nft: CheckingNft, texts: Iterable[str]) -> Lack | None:
    # Without permission it is the error alone, and no package.
    for text, (_, lack) in zip(texts, STEPS, strict=True):
        if error := _refusal(nft, text):
            return (
                Lack(str(error), "")
                if error.fault is NftFault.NOT_PERMITTED
                else replace(lack, what=f"{lack.what} ({error})")
            )
    return None


def _refusal(nft: CheckingNft, text: str) -> NftError | None:
    try:
        nft.check(text)
    except NftError as error:
        return error
    return None


def bindable(nft: CheckingNft, names: Iterable[str]) -> dict[str, bool]:
    """Check by `nft -c` which devices' drivers take them into a flowtable with `flags offload`: {name: bool}.

    A device that the kernel refuses for another reason (busy, missing) is not in the result; so `names` must not have
    devices that are in such a flowtable now. NftError if a check fails otherwise. OpenWrt's kernel accepts devices
    whatever their driver can do (docs/kernel.md 5).
    """
    asked = sorted(names)
    if not asked or _binds(nft, asked):
        return dict.fromkeys(asked, True)
    answers = {name: _binds(nft, [name]) for name in asked}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _binds(nft: CheckingNft, names: Iterable[str]) -> bool | None:
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
