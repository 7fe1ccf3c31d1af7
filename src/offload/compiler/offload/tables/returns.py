"""Stations that moved -> the tables whose flows must find their way anew. Pure.

A flow that came in by a listed bridge port is pinned to that port and to the MAC address that was resolved then
(nft_dev_forward_path(), net/netfilter/nft_flow_offload.c): when its station is learned elsewhere, or its address
belongs to another MAC, the flow goes on sending to the old place until its table is returned (docs/kernel.md 23).
"""

from collections.abc import Set as AbstractSet

from offload.model.plan import Plan, Table


def tables_to_return(
    plan: Plan, ports: AbstractSet[str], devices: AbstractSet[str], unpinned: AbstractSet[str] = frozenset()
) -> tuple[str, ...]:
    """The tables with flows that may be pinned to one of the ports, or to an old MAC on one of the devices.

    No software flow is pinned to `unpinned` devices: a bridge is listed there without its ports.
    """
    return tuple(
        table.name
        for table in plan.tables
        if ports & set(table.devices) or _leads_to(table, devices if table.hardware else devices - unpinned)
    )


def _leads_to(table: Table, devices: AbstractSet[str]) -> bool:
    return any({element.iif, element.oif} & devices for element in table.elements)
