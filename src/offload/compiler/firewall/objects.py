"""The named objects that rules refer to: conntrack helpers, log limits, variables, fw4's flowtable. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from offload.compiler.firewall.zones import FirewallZone
from offload.model.kernel.nft import Define, Flowtable, Helper, NamedLimit
from offload.model.sections.firewall import FirewallConfig, RouterState
from offload.model.sections.firewall import Helper as HelperSection


def available(helpers: Iterable[HelperSection], modules: frozenset[str]) -> tuple[HelperSection, ...]:
    """The helpers whose kernel module is among `modules` (loaded or built in).

    A `-` in option module may be `_` in the module's name. Helpers without the option are left out.
    """
    return tuple(each for each in helpers if each.module.replace("-", "_") in modules or each.module in modules)


def helper_objects(helpers: Iterable[HelperSection]) -> tuple[Helper, ...]:
    """A `ct helper` object for each of these conntrack helpers; rules assign them to connections by these objects."""
    return tuple(Helper(each.name, each.proto) for each in helpers)


def log_limits(zones: Iterable[FirewallZone]) -> tuple[NamedLimit, ...]:
    """A limit object, shared by the log rules of a zone, for each zone that has option log_limit."""
    return tuple(
        NamedLimit(f"{each.name}.log_limit", each.zone.log_limit, f"{each.name} log limit")
        for each in zones
        if each.zone.log_limit
    )


def defines(zones: Iterable[FirewallZone]) -> Iterator[Define]:
    """Yield two nft variables for each zone, which included files may use: `lan_devices` and `lan_subnets`.

    If the zone's name begins with a digit, theirs begin with `_`. Without devices or subnets the list is empty.
    """
    for zone in zones:
        name = f"_{zone.name}" if zone.name[0].isdigit() else zone.name
        yield Define(f"{name}_devices", tuple(f'"{device}"' for device in zone.devices))
        yield Define(f"{name}_subnets", zone.subnets)


def flowtables(config: FirewallConfig, zones: Sequence[FirewallZone], state: RouterState) -> tuple[Flowtable, ...]:
    """fw4's own flowtable `ft`; (): option flow_offloading is off, or there is no device for it.

    It lists the existing physical devices of the zones' networks; for hardware (flow_offloading_hw) in their place the
    lowest devices below, if any. Option `device` of a zone adds none. `state`: the devices that exist, and those below
    bridges and VLANs.
    """
    if not config.defaults.flow_offloading:
        return ()
    hardware = config.defaults.flow_offloading_hw
    devices = {device for zone in zones for device in zone.physical if device in state.lower}
    if hardware:
        devices = {lowest for device in devices for lowest in _lowest(device, state) if lowest in state.lower}
    return (Flowtable("ft", tuple(sorted(devices)), hardware),) if devices else ()


def _lowest(device: str, state: RouterState, depth: int = 8) -> Iterator[str]:
    lower = state.lower.get(device, ())
    if not lower or not depth:
        yield device
    for each in lower:
        yield from _lowest(each, state, depth - 1)
