"""The command `offload firewall VERB`."""

# A verb imports only what it needs, because scripts call these often.
import sys
from typing import TYPE_CHECKING

from offload.cli.firewall.given import DONE, FAILED, USAGE, Given, parsed, usage
from offload.errors import OffloadError, UsageError

if TYPE_CHECKING:
    from offload.cli.firewall.load import Json


def main(argv: list[str]) -> int:
    """Run one verb, and give its exit code. `argv`: `firewall` and the words after it.

    For a command line that `parsed` refuses it is 2; for `--help` 0; in both cases the usage is printed on stderr. If
    the verb raises an OffloadError, it is 2 for a UsageError (a bad value of `trace`), else 1, and without -q the
    sentence is printed on stderr.
    """
    try:
        given = parsed(argv[1:])
    except ValueError as error:
        sys.stderr.write(f"{error}{usage()}")
        return USAGE if str(error) else DONE
    try:
        return _run(given)
    except OffloadError as refusal:
        if not given.quiet:
            sys.stderr.write(f"offload: {refusal}\n")
        return USAGE if isinstance(refusal, UsageError) else FAILED


def _run(given: Given) -> int:
    if given.verb in {"print", "check"}:
        from offload.cli.firewall import show

        return show.print_ruleset(given) if given.verb == "print" else show.check(given)
    if given.verb == "trace":
        from offload.cli.firewall.trace import show_trace

        return show_trace(given)
    if given.verb == "diff":
        from offload.cli.firewall.diff import show_diff

        return show_diff(given)
    if given.verb in {"network", "device", "zone"}:
        from offload.cli.firewall.lookup import lookup

        return lookup(given.verb, given.words)
    return _load(given)


def _load(given: Given) -> int:
    from functools import partial
    from pathlib import Path

    from offload.cli.firewall.load import Loading, run
    from offload.cli.router import Router
    from offload.system.files.private_file import PrivateFile
    from offload.system.firewall_turn import began, now, turn
    from offload.system.scripts import Scripts

    router = Router(None)
    served = router.service_reply("firewall", {"action": ""}) is not None

    def act(action: str) -> "Json":
        reply = router.service_reply("firewall", {"action": action}) if served else None
        return _alone(action) if reply is None else reply

    def say(text: str) -> None:
        if not given.quiet:
            sys.stderr.write(f"{text}\n")

    outcome = PrivateFile(Path("/var/run/offload/firewall.outcome"))
    flush = partial(router.nft.apply, "flush ruleset\n")
    return run(given.verb, Loading(act, lambda: turn(say), outcome, Scripts(), _includes, flush, say, began(), now))


def _alone(action: str) -> "Json":
    from offload.service import main
    from offload.service.firewall.alone import act_alone

    return act_alone(main.doors(), action)


def _includes() -> list[str]:
    # a script that cannot be read is left out
    from pathlib import Path

    from offload.config.fw4.sections.loader import Loader
    from offload.system.firewall_files import FirewallFiles

    files = FirewallFiles(Path("/"))
    sections = Loader(None, {}).includes(files.sections("firewall"))
    return [each.path for each in sections if each.type == "script" and files.readable(each.path)]
