"""Find settings that conflict with offload: Findings, the sentences of `offload check`. Pure."""

from collections.abc import Iterator, Mapping

from offload.compiler.findings.kernel import of_kernel
from offload.compiler.findings.rules import of_files, of_rules
from offload.compiler.findings.shapers import of_shapers
from offload.compiler.offload.plan import firewall_loaded
from offload.model.config import Config
from offload.model.network import Snapshot, Uncounted
from offload.model.plan import Plan
from offload.model.problems.finding import Finding, FindingCode
from offload.model.problems.finding_form import Severity
from offload.model.sections.section import LONGEST_NAME, Section
from offload.model.text.shown import shown


def findings(
    config: Config,
    snapshot: Snapshot,
    plan: Plan,
    packages: Mapping[str, tuple[Section, ...]],
    *,
    served: bool = True,
) -> tuple[Finding, ...]:
    """The Findings: sentences of `offload check` about settings, rules and faults that matter to offload.

    Each comes once, notices last. `packages`: {UCI package of a shaper: its sections}. `served`: the service runs, so
    Findings about rules that drop by a look-up in a set, or only at certain times, are notices: the service makes live
    flows meet these rules again. Empty also if offload is off, fw4 offloads by itself, or the kernel has no flowtables.
    """
    if not config.globals.enabled or config.fw4_offloads or not snapshot.kernel.flowtable:
        return ()
    found = [
        *_of_firewall(config, snapshot),
        *of_shapers(config, snapshot, plan, packages),
        *of_rules(config, snapshot, plan, served=served),
        *of_files(snapshot, plan),
        *(_of_uncounted(each) for each in snapshot.uncounted),
        *of_kernel(snapshot, plan),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each.severity is Severity.NOTICE))


def _of_firewall(config: Config, snapshot: Snapshot) -> Iterator[Finding]:
    if not firewall_loaded(snapshot):
        yield FindingCode.NO_FIREWALL()
    for rule, options in config.unread if config.globals.cut_refused else ():
        yield FindingCode.NOT_CUT(rule=shown(rule, LONGEST_NAME), options=", ".join(options))


def _of_uncounted(found: Uncounted) -> Finding:
    src, dest = found.pair
    return FindingCode.COUNTERS_FROZEN(src=src, dest=dest, devices=", ".join(found.devices))
