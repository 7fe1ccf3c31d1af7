"""The time that nft needs for our firewall ruleset, compared with fw4's ruleset from the same configuration.

The configurations and fw4's rulesets are read from BENCH_BASELINES, by default ../shared/bench beside this repository:
in `fw4/CASE` are config/firewall, the replies of ubus, and fw4.nft. They are no part of this project. Helpers of
conntrack are left out of both rulesets: the kernel here has not all of them.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.rows import AGREED, against, beside, missing
from kernel import chip
from kernel.guest import REPOSITORY
from kernel.netns import Namespace
from offload.cli.firewall.compiled import compiled
from offload.nft.text import ruleset_text

BASELINES = Path(os.environ.get("BENCH_BASELINES") or REPOSITORY.parent / "shared/bench")
ROUNDS = 5  # counted; now and then other work of the kernel falls into one, and the median is of the others
LARGE, FEWER = 100_000, 3  # characters of a ruleset that takes seconds to load, and its rounds
GOAL = 1 + AGREED
DEVICES = re.compile(r"devices = \{([^}]*)\}")
HELPER = re.compile(r"^\s*ct helper [\w-]+ \{[^}]*\}\n|^.*\bct helper set\b.*\n", re.MULTILINE)


def ours(case: Path) -> str:
    """Our ruleset for a case, as `offload firewall print --root` prints it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copytree(case / "config", root / "etc/config")
        replies = {file.stem.replace("~", " "): json.loads(file.read_text()) for file in (case / "ubus").glob("*.json")}
        (root / "snapshot.json").write_text(json.dumps({"ubus": replies}))
        return ruleset_text(compiled(root)[0])


def with_devices(host: Namespace, text: str) -> None:
    """Create the devices that the flowtables of a ruleset list, of the type that hardware flowtables need."""
    chip.load()
    listed = {name for names in DEVICES.findall(text) for name in re.findall(r'"([^"]+)"', names)}
    there = {link["ifname"] for link in json.loads(host.run("ip", "-j", "link", "show"))}
    host.ip(*(f"link add {name} type engine" for name in sorted(listed - there)))


def loaded(host: Namespace, text: str) -> Callable[[], object]:
    """Load a ruleset into a host that has none."""
    program = ["ip", "netns", "exec", host.name, "nft", "-f", "-"]
    flush, whole = "flush ruleset\n", HELPER.sub("", text)
    # nft refuses to replace a hardware flowtable in one transaction (docs/kernel.md 10)
    sent = (flush, whole) if "flags offload" in whole else (flush + whole,)
    return lambda: [subprocess.run(program, input=each, text=True, capture_output=True, check=True) for each in sent]


def main() -> None:
    """Print a row for each case that is there."""
    cases = sorted(BASELINES.glob("fw4/*/fw4.nft"))
    if not cases:
        missing("nft loads the firewall", f"no fw4/*/fw4.nft in BENCH_BASELINES={BASELINES}").show()
    host = Namespace("bench")
    for baseline in cases:
        case = baseline.parent
        work = f"nft -f of the firewall, {case.name}"
        theirs, made = baseline.read_text(), ours(case)
        with_devices(host, theirs + made)
        try:
            rounds = ROUNDS if len(theirs) < LARGE else FEWER
            (figures,) = beside(loaded(host, theirs), [loaded(host, made)], rounds)
        except subprocess.CalledProcessError as error:
            missing(work, f"nft refuses it here: {error.stderr.splitlines()[0]}").show()
            continue
        against(work, "fw4", "ms", figures, GOAL, "counted instructions").show()


if __name__ == "__main__":
    main()
