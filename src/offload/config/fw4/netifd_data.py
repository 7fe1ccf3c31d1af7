"""Read replies of netifd and procd: networks, and the firewall's sections that protocols and services give.

The replies are of `network.interface dump` and `service get_data {"type": "firewall"}`. Values of unexpected types are
ignored.
"""

# Unexpected values are ignored, because a faulty service must not cost the router its firewall.
from collections.abc import Iterator, Mapping
from typing import Any

from offload.config.fw4.options.fw4_values import plain_device
from offload.config.schema import Given
from offload.model.sections.firewall import Origin, RouterNetwork
from offload.model.sections.match import Address
from offload.model.text.addresses import network, number

Found = tuple[str, Origin, dict[str, Given]]


def networks(dump: Any) -> dict[str, RouterNetwork]:
    """{name: RouterNetwork} from the reply of `network.interface dump`; {} if it is malformed.

    Networks that are down are in it. Entries without a name are skipped; addresses that are not valid are left out.
    """
    found = {}
    for each in _objects(_object(dump).get("interface")):
        name = each.get("interface")
        if isinstance(name, str):
            physical = _device(each.get("device"))
            found[name] = RouterNetwork(
                device=_device(each.get("l3_device")) or physical,
                physical=physical,
                proto=_word(each.get("proto")),
                up=each.get("up") is True,
                zone=_word(_object(each.get("data")).get("zone")),
                addresses=tuple(_addresses(each)),
            )
    return found


def _addresses(each: Mapping[str, Any]) -> Iterator[Address]:
    own: list[Mapping[str, Any]] = [*_objects(each.get("ipv4-address")), *_objects(each.get("ipv6-address"))]
    own += [_object(prefix.get("local-address")) for prefix in _objects(each.get("ipv6-prefix-assignment"))]
    for entry in own:
        family, value = number(_word(entry.get("address")))
        bits = entry.get("mask")  # netifd always gives it
        found = network(family, value, bits) if family and type(bits) is int else None
        if found is not None:
            yield found


def sections(dump: Any, services: Any) -> tuple[Found, ...]:
    """The firewall's sections that netifd's interfaces give, then those of services: ((type, origin, options), ...).

    `dump`: reply of `network.interface dump`; `services`: of `service get_data`. Types and options are not checked.
    Option `name`, except in sets and zones, becomes who gave the section: `ubus:wan[dhcp] rule 0`. A rule, nat or zone
    of an interface without option `device` gets the interface's device.
    """
    return (*_of_interfaces(dump), *_of_services(services))


def _of_interfaces(dump: Any) -> Iterator[Found]:
    # a rule, nat or zone without option `device` gets the interface's device
    for each in _objects(_object(dump).get("interface")):
        device = _device(each.get("l3_device")) or _device(each.get("device"))
        who = f"{_word(each.get('interface'))}[{_word(each.get('proto'))}]"
        yield from _numbered(_object(each.get("data")).get("firewall"), who, {"device": device} if device else {})


def _of_services(services: Any) -> Iterator[Found]:
    for service, content in _object(services).items():
        yield from _numbered(_object(content).get("firewall"), service, {})
        for instance, data in _object(content).items():
            yield from _numbered(_object(data).get("firewall"), f"{service}[{instance}]", {})


def _numbered(given: Any, who: str, device: dict[str, Given]) -> Iterator[Found]:
    for index, each in enumerate(_objects(given)):
        kind = _word(each.get("type"))
        options = {**(device if kind in {"rule", "nat", "zone"} else {}), **dict(_options(each))}
        if kind not in {"ipset", "zone"}:
            options["name"] = f"ubus:{who} {kind} {index}"
        name = options.get("name", "")
        yield kind, Origin("", name if isinstance(name, str) else "", kind), options


def _options(each: Mapping[str, Any]) -> Iterator[tuple[str, Given]]:
    for name, value in each.items():
        if name != "type" and value is not None:
            yield name, tuple(_scalar(item) for item in value) if isinstance(value, list) else _scalar(value)


def _scalar(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _device(value: Any) -> str:
    # empty: no text, or not safe in nft text (the kernel accepts a quote in a name, nft does not)
    name = _word(value)
    return name if plain_device(name) else ""


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
