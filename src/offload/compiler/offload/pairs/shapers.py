"""The devices with traffic shapers, tc filters or nft chains of their own, which hardware would bypass. Pure.

Software offload mostly keeps them (not those of `hooked`): packets leave through the device's egress hook and qdisc,
and packets that come in pass tc ingress and the device's ingress hook first.
"""

from collections.abc import Mapping

from offload.model.kernel.live_rule import DEVICE_HOOKS
from offload.model.network import Snapshot

SHAPING = frozenset({"cake", "cake_mq", "htb", "tbf", "hfsc", "netem"})
INGRESS = frozenset({"ingress", "clsact"})
REDIRECTING = frozenset({"matchall", "u32", "flower", "basic", "bpf", "fw"})  # filters that can redirect to an ifb
LONGEST_DEVICE = 15  # characters of a device's name: IFNAMSIZ without the zero at its end


def shapers(snapshot: Snapshot) -> Mapping[str, str]:
    """{device: what shapes, filters or limits its packets and would be bypassed by hardware, as words for a sentence}.

    Of several the first in this order: `cake`; `cake on ifb4wan`, which shapes packets that come in; `a tc filter
    (flower)`; `chain a of table b`, a chain on the ingress or egress hook. Devices without any are left out. Qdiscs of
    an ifb device do not count for it, but for the devices that may redirect packets to it; its tc filters do not count.
    """
    kinds = {each.device: each.kind for each in reversed(snapshot.qdiscs) if each.kind in SHAPING}
    branches = {link.name for link in snapshot.links if link.kind == "ifb"}
    found = {device: kind for device, kind in kinds.items() if device not in branches}
    filtered = {each.device for each in snapshot.filters if each.treats and each.kind in REDIRECTING}
    for each in snapshot.qdiscs:
        branch = _branch(each.device, branches & kinds.keys())
        if each.kind in INGRESS and each.device in filtered and branch:
            found.setdefault(each.device, f"{kinds[branch]} on {branch}")
    for one in snapshot.filters:
        if one.treats and one.device not in branches:
            found.setdefault(one.device, f"a tc filter ({one.kind})")
    for rule in snapshot.packet_rules:
        if rule.hook in DEVICE_HOOKS:
            found.setdefault(rule.match.iif or rule.match.oif, f"chain {rule.chain} of table {rule.table}")
    return found


def hooked(snapshot: Snapshot) -> Mapping[str, str]:
    """{device: words} of `shapers`, for devices whose shaper software bypasses if a flowtable lists a device below.

    They are bridges, devices with an nft chain on ingress, and devices with a tc filter and a qdisc for ingress
    (ingress, clsact). A flowtable that finds a packet on a device below takes it before the ingress hook of the device
    above. The flowtable sends packets of a bridge directly to the port, past the bridge's queue (nft_dev_path_info()).
    """
    bridges = {link.name for link in snapshot.links if link.kind == "bridge"}
    filtered = {each.device for each in snapshot.filters if each.treats}
    coming_in = {each.device for each in snapshot.qdiscs if each.kind in INGRESS and each.device in filtered}
    coming_in |= {rule.match.iif for rule in snapshot.packet_rules if rule.hook == "ingress"}
    return {device: what for device, what in shapers(snapshot).items() if device in bridges | coming_in}


# SQM names the ifb after the device; for other programs the first one is taken. `branches`: ifbs with a shaper.
def _branch(device: str, branches: set[str]) -> str:
    named = f"ifb4{device}"[:LONGEST_DEVICE]
    return named if named in branches else min(branches, default="")
