"""Entries of an ipset, from its section or its file -> values by field. Pure."""

from collections.abc import Mapping

from offload.config.fw4 import fw4_values
from offload.model.sections.firewall import RouterNetwork
from offload.model.sections.match import MASKED, Address, Item
from offload.model.text.addresses import WIDTH, address, network

Element = tuple[Address | Item, ...]


def lines(text: str) -> tuple[str, ...]:
    """The entries of a file: one a line, without comments."""
    found = (line.strip() for line in text.splitlines())
    return tuple(line for line in found if line and not line.startswith("#"))


def element(
    line: str, match: tuple[tuple[str, str], ...], family: int, networks: Mapping[str, RouterNetwork]
) -> Element | None:
    """The values of one entry; None where they are not as many as the set has fields, or one does not fit."""
    words = line.split()
    if len(words) != len(match):
        return None
    found = []
    for word, (_, kind) in zip(words, match, strict=True):
        value = _address(word, kind, family, networks) if kind in {"ip", "net"} else _item(word, kind)
        if value is None:
            return None
        found.append(value)
    return tuple(found)


def _address(word: str, kind: str, family: int, networks: Mapping[str, RouterNetwork]) -> Address | None:
    """An address or network; the name of a network stands for the router's first address in it."""
    found = address(word)
    if found is None:
        own = (each for each in networks.get(word, RouterNetwork()).addresses if each.family == family)
        found = next(own, None)
        if found is not None and kind == "ip":
            found = network(family, found.value, WIDTH[family])
    return found if found is not None and found.family == family and found.bits != MASKED else None


def _item(word: str, kind: str) -> Item | None:
    found = fw4_values.mac(word) if kind == "mac" else fw4_values.port(word)
    return None if found is None or found.negated or (kind == "port" and "-" in found.text) else found
