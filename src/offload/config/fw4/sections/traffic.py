"""Make a rule, redirect or nat of the values of its section."""

from collections.abc import Iterator, Mapping
from typing import Any

from offload.config.fw4.firewall_reading import Reading, Say
from offload.config.fw4.options import fw4_words
from offload.config.schema import CONDITION
from offload.model.problems.firewall_problem import FirewallFault
from offload.model.sections.firewall import Nat, Redirect, Rule
from offload.model.sections.match import MASKED, Bits, Item, Limit, Match, Times

BOTH_PORTS = (Item("tcp"), Item("udp"))
EVERY_PROTOCOL = (Item("any"),)
_OF_REDIRECT = (
    "src",
    "dest",
    "src_dip",
    "src_dport",
    "dest_ip",
    "dest_port",
    "reflection",
    "reflection_src",
    "reflection_zone",
    "counter",
    "log_limit",
)


def rule(reading: Reading, say: Say) -> Rule | None:
    """The rule of a section; None, with a problem by `say`: its target needs a missing option, or its device is `+`.

    Without protocols it has TCP and UDP. Without option `name` its name is the section's id. Its field `lost` names the
    faulty options of role CONDITION (schema.py).
    """
    values, target = reading.values, reading.values.get("target", "")
    missing = _missing(target, values)
    if missing:
        say(FirewallFault.NEEDS_OPTION, reading, target=target, option=missing)
        return None
    device = values.get("device")
    if device is not None and device.text == "+":
        say(FirewallFault.ANY_DEVICE, reading, "device")
        return None
    for option in _without_effect(values, target):
        say(FirewallFault.NO_EFFECT, reading, option)
    name = values.get("name") or reading.origin.id
    helper = values.get("set_helper")
    dscp = values.get("set_dscp")
    return Rule(
        origin=reading.origin,
        name=name,
        match=_match(values, BOTH_PORTS),
        src=values.get("src", ""),
        dest=values.get("dest", ""),
        target=target,
        device=_device(device),
        egress=values.get("direction", False),
        set_helper=helper.text if helper else "",
        set_mark=_set_mark(values),
        set_dscp=dscp.value if dscp else None,
        counter=values.get("counter", True),
        log=_log(values, name),
        log_limit=values.get("log_limit"),
        lost=reading.bad(CONDITION),
    )


def redirect(reading: Reading, say: Say) -> Redirect:
    """The redirect of a section: a port forward (dnat) or a source rewrite (snat).

    It is dnat if the section has no target, and also if it has another than dnat or snat, which `say` reports. Without
    protocols it has TCP and UDP. Its field `lost` names the faulty options of role CONDITION (schema.py).
    """
    values = reading.values
    target = values.get("target", "dnat")
    if target not in {"dnat", "snat"}:
        say(FirewallFault.WRONG_TARGET, reading, target=target, value="dnat")
        target = "dnat"
    name = values.get("name") or reading.origin.id
    return Redirect(
        origin=reading.origin,
        name=name,
        match=_match(_without(values, "dest_ip", "dest_port"), BOTH_PORTS),
        target=target,
        log=_log(values, name),
        lost=reading.bad(CONDITION),
        **{option: values[option] for option in _OF_REDIRECT if option in values},
    )


def nat(reading: Reading, say: Say) -> Nat | None:
    """The source NAT of a section; None, with a problem by `say`, if its target and new address do not fit.

    Not fitting: target snat where neither snat_ip nor snat_port is given, one of these with another target, and an
    snat_ip whose mask has gaps. It is masquerade if the section has no target, and also if it has another than accept,
    snat or masquerade, which `say` reports. Without protocols it has all. Its field `lost` names the faulty options of
    role CONDITION (schema.py).
    """
    values = reading.values
    target = values.get("target", "masquerade")
    if target not in {"accept", "snat", "masquerade"}:
        say(FirewallFault.WRONG_TARGET, reading, target=target, value="masquerade")
        target = "masquerade"
    for option in ("snat_ip", "snat_port") if target != "snat" else ():
        if option in values:
            say(FirewallFault.NOT_FOR_TARGET, reading, option=option, target=target)
            return None
    rewrite = values.get("snat_ip")
    if target == "snat" and rewrite is None and "snat_port" not in values and "snat_ip" not in reading.faults:
        say(FirewallFault.NEEDS_OPTION, reading, target=target, option="snat_ip")
        return None
    if rewrite is not None and getattr(rewrite, "bits", 0) == MASKED:
        say(FirewallFault.BAD_REWRITE_ADDRESS, reading, option="snat_ip")
        return None
    name = values.get("name") or reading.origin.id
    return Nat(
        origin=reading.origin,
        name=name,
        match=_match(values, EVERY_PROTOCOL),
        src=values.get("src", ""),
        device=_device(values.get("device")),
        target=target,
        snat_ip=rewrite,
        snat_port=values.get("snat_port"),
        counter=values.get("counter", True),
        log=_log(values, name),
        lost=reading.bad(CONDITION),
    )


def _without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _device(item: Item | None) -> str:
    # `+` at the end is `*` in nft; empty: no device, or `+` alone, which is every one
    if item is None or item.text == "+":  # alone it is every device
        return ""
    return f"{item.text[:-1]}*" if item.text.endswith("+") else item.text


def _missing(target: str, values: Mapping[str, Any]) -> str:
    # the option that the target requires; empty: the section has all
    needed = {"dscp": ("set_dscp",), "mark": ("set_mark", "set_xmark"), "helper": ("set_helper",)}.get(target, ())
    return "" if not needed or any(name in values for name in needed) else needed[0]


# What only another target sets, and a direction without a device.
def _without_effect(values: Mapping[str, Any], target: str) -> Iterator[str]:
    if "direction" in values and "device" not in values:
        yield "direction"
    yield from (option for option, needed in _SET_BY.items() if option in values and target != needed)


_SET_BY = {"set_mark": "mark", "set_xmark": "mark", "set_dscp": "dscp", "set_helper": "helper"}


def _log(values: Mapping[str, Any], name: str) -> str:
    # the prefix: the option's text, or the section's name for a yes; empty: no log
    text = values.get("log", "")
    chosen = fw4_words.boolean(text)
    return text if chosen is None else f"{name}: " if chosen else ""


def _set_mark(values: Mapping[str, Any]) -> Bits | None:
    # With `set_mark` the bits of the value are part of the mask too; with `set_xmark` the mask is as given.
    mark = values.get("set_mark")
    if mark is not None:
        return Bits(mark.value, mark.value | mark.mask)
    xmark = values.get("set_xmark")
    return xmark if isinstance(xmark, Bits) else None


def _match(values: Mapping[str, Any], proto: tuple[Item, ...]) -> Match:
    get = values.get
    return Match(
        get("family"),
        get("proto") or proto,
        (),
        (),
        _tuple(get("src_ip")),
        _tuple(get("dest_ip")),
        _tuple(get("src_port")),
        _tuple(get("dest_port")),
        get("src_mac", ()),
        get("icmp_type", ()),
        get("helper"),
        _limit(values) if "limit" in values else None,
        _times(values) if _TIMED & values.keys() else None,
        get("mark"),
        get("dscp"),
        get("ipset"),
    )


_TIMED = {"start_date", "stop_date", "start_time", "stop_time", "weekdays"}


def _tuple(value: Any) -> tuple[Any, ...]:
    return () if value is None else value if type(value) is tuple else (value,)


def _limit(values: Mapping[str, Any]) -> Limit:
    limit = values["limit"]
    burst = values.get("limit_burst", 0)
    return Limit(limit.rate, limit.unit, limit.negated, burst) if burst else limit


def _times(values: Mapping[str, Any]) -> Times:
    days, others = values.get("weekdays", ((), False))
    get = values.get
    dates = (get("start_date", ()), get("stop_date", ()), get("start_time", ()), get("stop_time", ()))
    return Times(*dates, days, others, get("utc_time", False))
