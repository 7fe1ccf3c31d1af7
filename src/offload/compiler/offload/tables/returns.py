"""Find the tables to create again, which puts their flows on the slow path, because hosts moved. Pure.

A flow that came in by a listed bridge port is bound to that port and to the MAC that was resolved then
(nft_dev_forward_path(), net/netfilter/nft_flow_offload.c). If its station is learned elsewhere, or its address gets
another MAC, the flow goes to the old port until its table is returned (docs/kernel.md 23).
"""

from collections.abc import Set as AbstractSet

from offload.model.plan import Plan, Table


def tables_to_return(
    plan: Plan, ports: AbstractSet[str], devices: AbstractSet[str], unpinned: AbstractSet[str] = frozenset()
) -> tuple[str, ...]:
    """The names of tables to create again: they may have flows bound to a port that a host left, or to an earlier MAC.

    `ports`: bridge ports that a host left. `devices`: l3 devices (`br-lan`) where an address got another MAC.
    `unpinned`: those of `devices` whose software flows are bound to no port or MAC, because the flowtable lists their
    bridge without its ports; for them only the hardware table is returned. (): no table has such flows.
    """
    return tuple(
        table.name
        for table in plan.tables
        if ports & set(table.devices) or _leads_to(table, devices if table.hardware else devices - unpinned)
    )


def _leads_to(table: Table, devices: AbstractSet[str]) -> bool:
    return any({element.iif, element.oif} & devices for element in table.elements)
