"""The forms that lines of nft text may have, which tests check in every ruleset; and what nft itself refuses."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache

import pytest

from offload.compiler.offload.exempts.exempt_sets import exempt_rules
from offload.model.plan import ExemptMatch
from offload.model.sections.exempts import Exempt

DEVICE = r'"[A-Za-z0-9_.:+@-]{1,15}"'
DEVICES = rf"{DEVICE}(?:, {DEVICE})*"
NAME = r"[a-z][a-z0-9_]*"
VALUE = r"[0-9a-fA-Fx:./-]+"
ELEMENT = rf"{VALUE}(?: \. {VALUE})*"
KEY = r"(?:ip6? [sd]addr|(?:tcp|udp) [sd]port|ether saddr|meta mark)"
REPLIED = r"ct original ip6? saddr \. ct original ip6? daddr \. ct id"
DIGEST = "[0-9a-f]{12}"
REPLIES = r"replies(?:_ipv[46])?"
PASSING = rf"(?:policy_\d+(?:_ipv[46])?(?:_(?:from|to|both))?(?:_{REPLIES})?|{REPLIES})"
MATCH = "|".join(
    (
        rf"[io]ifname {{ {DEVICES} }}",
        r"meta nfproto (?:!= )?ipv[46]",
        r"meta l4proto (?:tcp|udp|47)",
        r"meta mark & 0x[0-9a-f]{8} == 0x[0-9a-f]{8}",
        r"ip6? dscp \d{1,2}",
        rf"{KEY}(?: \. {KEY})* @{NAME}",
        r"ct status & 0xc000 == 0xc000 update @stray { iifname \. oifname counter }",
        r"ct state != established",
        r"ct direction reply(?: meta nfproto ipv[46])?",
        rf"delete @{NAME} {{ {REPLIED} }}",
        r"ct status & 0x80 == 0",
        rf"update @{NAME} {{ {REPLIED} }}|{REPLIED} != @{NAME}|counter",
        rf"iifname \. ether saddr @{NAME}|oifname \. ip6? daddr @{NAME}",
        rf"(?:[io]if {DEVICE} |iif != {DEVICE} oif != {DEVICE} )?iif \. oif vmap @crossings",
        r"ct original packets < \d{1,7}",
    )
)
VERDICT = rf"(?:accept|jump (?:exempt|guard)|goto (?:first|replied)|flow add @{NAME})"
LINE = re.compile(
    "|".join(
        (
            "",
            "# Nothing is offloaded: .*",
            rf"(?:delete )?table inet {NAME}",
            rf"table inet {NAME} {{|\t}}|}}|\t\t}}",
            rf"\t(?:flowtable|set|map|chain) {NAME} {{",
            r"\t\thook ingress priority filter(?: \+ (?:1|100[01]))?|\t\tcounter|\t\tflags offload",
            rf"\t\tdevices = {{ {DEVICES} }}",
            r"\t\ttype [a-z0-9_]+(?: \. [a-z0-9_]+)*(?: : verdict)?",
            r"\t\tflags (?:interval|dynamic|dynamic, timeout)|\t\tsize \d{1,5}|\t\ttimeout 60s",
            rf"\t\ttypeof {REPLIED}",
            rf"\t\telements = {{ {ELEMENT}(?:, {ELEMENT})* }}|\t\telements = {{",
            rf"\t\t\t{DEVICE} \. {DEVICE} : goto {PASSING},",
            r"\t\ttype filter hook forward priority (?:filter \+ (?:9|10)|1000); policy accept;",
            r"\t\ttype nat hook postrouting priority -199; policy accept;",
            rf'\t\t(?:(?:{MATCH}) ?)*(?:{VERDICT})? ?comment "offload {DIGEST}(?: {NAME}={DIGEST})?(?: missed)?"',
        )
    )
)


def strange_lines(text: str) -> list[str]:
    """The lines of a text that have none of these forms."""
    return [line for line in text.split("\n") if not LINE.fullmatch(line)]


@cache
def can_check() -> bool:
    """Whether nft can check a text here, in a network namespace of its own."""
    if not all(map(shutil.which, ("unshare", "nft"))):
        return False
    return not subprocess.run(["unshare", "-rn", "nft", "list", "tables"], check=False, capture_output=True).returncode


def refused(exempts: Iterable[Exempt]) -> str:
    """Why this machine's nft refuses the sets and rules of these exempts; empty if it accepts them."""
    if not can_check():
        pytest.skip("nft cannot check a text here")
    made = exempt_rules(map(ExemptMatch, exempts))
    lines = ["table inet t {"]
    for each in made.sets:
        flags = f"flags {', '.join(each.flags)};" if each.flags else ""
        lines.append(f"set {each.name} {{ type {each.type}; {flags} elements = {{ {', '.join(each.written)} }}; }}")
    lines += ["chain c {", *(f"{rule} accept" for rule in made.rules), "}", "}"]
    command, text = ["unshare", "-rn", "nft", "-c", "-f", "-"], "\n".join(lines)
    return subprocess.run(command, input=text, check=False, capture_output=True, text=True).stderr
