"""The reply of `check` as JSON: what is wrong with configuration, kernel or firewall. Pure.

Other programs read this: keys may be added, but never renamed.
"""

from collections.abc import Iterable
from typing import Any

from offload.model.network import Kernel
from offload.model.plan import PairDecision
from offload.model.problems.finding import Finding
from offload.model.problems.finding_form import Severity
from offload.model.problems.firewall_problem import REMARKS, FirewallProblem
from offload.model.problems.problem import Problem
from offload.model.problems.reason import ReasonCode
from offload.status.problem_json import problem_json

Json = dict[str, Any]

# the user did not choose that a part stays slow
SLOW_PART = {ReasonCode.MARKED_PART, ReasonCode.SUBNETS_PART, ReasonCode.SUBNETS_FAMILY}


def check_json(
    problems: Iterable[Problem],
    kernel: Kernel,
    findings: Iterable[Finding] = (),
    firewall: Iterable[FirewallProblem] = (),
    pairs: Iterable[PairDecision] = (),
    failed: Iterable[str] = (),
) -> Json:
    """The reply of the method `check` as JSON, with `ok` and the following lists.

    - `problems`: faults of our configuration, as `problem_json`;
    - `missing`: sentences about features that kernel or nft lack;
    - `findings`: settings that conflict with offload, as `finding_json`;
    - `firewall`: faults of our firewall's configuration, as `firewall_problem_json`, without those in REMARKS;
    - `failed`: these sentences, without those of `problems`, each once;
    - `slower`: `{"src": ZONE, "dest": ZONE}` of each pair with a lower mode than chosen, or a Reason in SLOW_PART.

    `ok` is false if `problems`, `missing`, `firewall` or `failed` has an item, or `findings` one of severity `problem`.
    """
    known = tuple(problems)
    found, lacks = [problem_json(problem) for problem in known], [str(lack) for lack in kernel.missing]
    sentences = {str(problem) for problem in known}
    causes = [each for each in dict.fromkeys(failed) if each not in sentences]
    shown = [finding_json(finding) for finding in findings]
    faults = [firewall_problem_json(each) for each in firewall if each.fault not in REMARKS]
    slower = (each for each in pairs if each.effective < each.mode or SLOW_PART & {why.code for why in each.reasons})
    bad = any(each["severity"] == Severity.PROBLEM.value for each in shown)
    return {
        "ok": not (found or lacks or faults or causes or bad),
        "problems": found,
        "missing": lacks,
        "findings": shown,
        "firewall": faults,
        "failed": causes,
        "slower": [{"src": each.src, "dest": each.dest} for each in slower],
    }


def finding_json(finding: Finding) -> Json:
    """A finding (a setting of the router that conflicts with offload) as JSON.

    `done`: what offload did about it. `remedy`: what the user can do. `option`: the option of `config globals` which,
    if set to 1, corrects it. Each of the three may be empty.
    """
    return {
        "code": finding.code.name,
        "severity": finding.severity.value,
        "text": finding.text,
        "done": finding.done,
        "remedy": finding.remedy,
        "option": finding.option,
    }


def firewall_problem_json(problem: FirewallProblem) -> Json:
    """A fault of the firewall's configuration as JSON: `code`, `place`, `option` (may be empty), `text`.

    `place`, a blank and `text` are a sentence.
    """
    return {"code": problem.fault.name, "place": problem.place, "option": problem.option, "text": problem.text}
