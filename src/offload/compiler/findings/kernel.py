"""Findings about the kernel: settings and known bugs that concern offloaded connections."""

import re
from collections.abc import Iterator

from offload.model.network import Snapshot
from offload.model.plan import Plan
from offload.model.problems.finding import Finding, FindingCode

RELEASE = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.(\d{1,5}))?", re.ASCII)
# A connection's timeout and the flowtable's: when the flowtable drops a flow, its connection must not have expired.
TIMEOUTS = {
    "nf_conntrack_tcp_timeout_established": "nf_flowtable_tcp_timeout",
    "nf_conntrack_udp_timeout_stream": "nf_flowtable_udp_timeout",
}


def of_kernel(snapshot: Snapshot, plan: Plan) -> Iterator[Finding]:
    """The Findings about sysctls and known bugs of the kernel; none if no flowtable is planned."""
    if not plan.tables:
        return
    settings = snapshot.settings
    if settings.get("nf_conntrack_acct") == 0:
        yield FindingCode.ACCOUNTING_OFF()
    for own, flowtable in TIMEOUTS.items():
        seconds, least = settings.get(own), settings.get(flowtable)
        if seconds is not None and least is not None and seconds < least:
            yield FindingCode.TIMEOUT_SHORT(setting=own, seconds=seconds, least=least)
    yield from _faults(snapshot.kernel.release)


def _faults(release: str) -> Iterator[Finding]:
    found = RELEASE.match(release)
    number = tuple(int(part or 0) for part in found.groups()) if found else ()
    if not number:
        return
    if number < (6, 1, 32) or (6, 2, 0) <= number < (6, 4, 0):
        yield FindingCode.KERNEL_CUT(release=release)
    if (6, 14, 0) <= number < (7, 2, 0):
        yield FindingCode.KERNEL_TIMEOUT(release=release)
