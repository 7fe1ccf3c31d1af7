"""Stations that moved between two Snapshots -> the tables whose flows must find their way anew. Pure.

A flow that came in by a listed bridge port is pinned to that port and to the MAC address that was resolved then
(nft_dev_forward_path(), net/netfilter/nft_flow_offload.c): when its station is learned elsewhere, or its address
belongs to another MAC, the flow goes on sending to the old place until its table is returned (docs/kernel.md 23).
"""

from collections.abc import Iterable

from offload.model.network import Snapshot
from offload.model.plan import Plan, Table


def moved(before: Snapshot, after: Snapshot, plan: Plan) -> tuple[str, ...]:
    """The names of the plan's tables to return because of what moved from `before` to `after`.

    A station seen for the first time, or no longer, has moved nowhere: flows are pinned when they are offloaded.
    """
    return tables_to_return(plan, set(_moved_ports(before, after)), set(_devices_of_new_macs(before, after)))


def tables_to_return(plan: Plan, ports: set[str], devices: set[str]) -> tuple[str, ...]:
    """The tables with flows that may be pinned to one of the ports, or to an old MAC on one of the devices."""
    return tuple(table.name for table in plan.tables if ports & set(table.devices) or _leads_to(table, devices))


def _moved_ports(before: Snapshot, after: Snapshot) -> Iterable[str]:
    """Both the port left and the port reached: a flow may wait at either."""
    masters = {link.name: link.master for snapshot in (before, after) for link in snapshot.links}
    then = {(station.mac, station.vlan, masters.get(station.port)): station.port for station in before.stations}
    for station in after.stations:
        port = then.get((station.mac, station.vlan, masters.get(station.port)), station.port)
        if port != station.port:
            yield from (port, station.port)


def _devices_of_new_macs(before: Snapshot, after: Snapshot) -> Iterable[str]:
    then = {(each.address, each.device): each.mac for each in before.neighbours}
    for each in after.neighbours:
        if then.get((each.address, each.device), each.mac) != each.mac:
            yield each.device


def _leads_to(table: Table, devices: set[str]) -> bool:
    return any({element.iif, element.oif} & devices for element in table.elements)
