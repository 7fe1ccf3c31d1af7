"""Convert between text, networks of `ipaddress`, and address conditions of rules."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from offload.model.sections.match import MASKED, RANGE, Address
from offload.model.text.addresses import written

MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291, 2.5.5.2: IPv4 addresses as IPv6 ones; no packet carries them


def network(text: str) -> IPv4Network | IPv6Network | None:
    """Parse an address or network; host bits are cleared. None: not valid, or with a zone id (`%eth0`).

    A mask like 0.0.0.255 is not valid. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
    """
    mask = text.partition("/")[2]
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return None
    if "%" in text or ("." in mask and mask != str(found.netmask)):
        return None
    if isinstance(found, IPv6Network) and found.subnet_of(MAPPED):
        low = int(found.network_address) & 0xFFFFFFFF
        return IPv4Network((low, found.prefixlen - MAPPED.prefixlen))
    return found


def as_address(net: IPv4Network | IPv6Network) -> Address:
    """The network as an Address of a condition, not negated; the text of a single address has no prefix length."""
    first = int(net.network_address)
    text = written(net.version, first)
    text = text if net.prefixlen == net.max_prefixlen else f"{text}/{net.prefixlen}"
    return Address(net.version, first, net.prefixlen, text)


def as_networks(addresses: Iterable[Address]) -> tuple[IPv4Network | IPv6Network, ...] | None:
    """Address conditions as networks; None if one of them is negated, is a range, or has a mask with gaps."""
    found = tuple(addresses)
    if any(each.negated or each.bits in {MASKED, RANGE} for each in found):
        return None
    return tuple(_as_network(each) for each in found)


def _as_network(each: Address) -> IPv4Network | IPv6Network:
    kind = IPv4Network if each.family == 4 else IPv6Network  # noqa: PLR2004 - IPv4
    return kind((each.value, each.bits), strict=False)
