"""Text of a person -> network. Pure."""

from ipaddress import IPv4Network, IPv6Network, ip_network

MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291, 2.5.5.2: IPv4 addresses as IPv6 ones; no packet carries them


def network(text: str) -> IPv4Network | IPv6Network | None:
    """An address or network; host bits are cleared. None where it is neither, or has a zone id (`%eth0`).

    A mask like 0.0.0.255 is refused: Python takes it for the inverse of one, fw4 for the bits to compare. An IPv4
    address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
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
