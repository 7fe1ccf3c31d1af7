"""Findings (of `offload check`) about the kernel: settings and known faults that concern offloaded connections."""

from collections.abc import Collection, Iterator

from offload.compiler import kernel_faults
from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.model.problems.finding import Finding, FindingCode
from offload.model.topology import all_below, directly_below

# A connection's timeout and the flowtable's: when the flowtable drops a flow, its connection must not have expired.
TIMEOUTS = {
    "nf_conntrack_tcp_timeout_established": "nf_flowtable_tcp_timeout",
    "nf_conntrack_udp_timeout_stream": "nf_flowtable_udp_timeout",
}
# Faults that concern every offloaded flow, and those that concern flows in hardware
OF_FLOWS = {FindingCode.KERNEL_CUT: kernel_faults.CUT, FindingCode.KERNEL_TIMEOUT: kernel_faults.TIMEOUT}
OF_HARDWARE = {FindingCode.KERNEL_HALF: kernel_faults.HALF, FindingCode.KERNEL_FREED: kernel_faults.FREED}


def of_kernel(snapshot: Snapshot, plan: Plan) -> Iterator[Finding]:
    """The Findings (sentences of `offload check`) about sysctls and known faults of this release of the kernel.

    There are none if the Plan has no table. Sysctls: conntrack's accounting is off, or conntrack's timeout of
    established TCP or of UDP streams is shorter than the flowtable's. Faults of hardware offload need a hardware table
    in the Plan. The fault of PPPoE needs a flowtable that lists a PPPoE device with devices below it: a problem if a
    flowtable lists one of these, else a notice.
    """
    if not plan.tables:
        return
    settings = snapshot.settings
    if settings.get("nf_conntrack_acct") == 0:
        yield FindingCode.ACCOUNTING_OFF()
    for own, flowtable in TIMEOUTS.items():
        seconds, least = settings.get(own), settings.get(flowtable)
        if seconds is not None and least is not None and seconds < least:
            yield FindingCode.TIMEOUT_SHORT(setting=own, seconds=seconds, least=least)
    faults = OF_FLOWS | (OF_HARDWARE if any(table.hardware for table in plan.tables) else {})
    for code, fault in faults.items():
        if fault.has(snapshot.kernel.release):
            yield code(release=snapshot.kernel.release)
    if kernel_faults.PPPOE.has(snapshot.kernel.release):
        yield from _of_pppoe(snapshot, {device for table in plan.tables for device in table.devices})


# `listed`: devices of all flowtables. A device below PPPoE there makes downloads slow on this kernel; otherwise a
# notice says that it is left out.
def _of_pppoe(snapshot: Snapshot, listed: Collection[str]) -> Iterator[Finding]:
    offloaded = [each.l3_device for each in snapshot.networks if each.proto == "pppoe" and each.l3_device in listed]
    beneath = all_below(offloaded, directly_below(snapshot))
    words = {"release": snapshot.kernel.release}
    if slow := [name for name in beneath if name in listed]:
        yield FindingCode.KERNEL_PPPOE(devices=", ".join(slow), **words)
    elif beneath:
        yield FindingCode.KERNEL_PPPOE.done(devices=", ".join(beneath), **words)
