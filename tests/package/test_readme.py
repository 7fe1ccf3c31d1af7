"""Every command of README.md is one: those that a router without a network can run are run there, in their order."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from package.ipk import build

from package.router import REPOSITORY, Router, furnish, running

README = (REPOSITORY / "README.md").read_text()
MAKEFILE = (REPOSITORY / "Makefile").read_text()
# Indented text that is no command begins otherwise; what opkg, apk and OpenWrt's build do is tried outside (package/).
COMMAND = re.compile(r"^    (?:\$ )?((?:offload|ubus|make|/etc/init\.d/offload) .*?)\s*(?:  #.*)?$", re.MULTILINE)
COMMANDS = list(dict.fromkeys(COMMAND.findall(README)))
ELSEWHERE = ("make image", "make package/offload/compile")
ON_A_ROUTER = [command for command in COMMANDS if not command.startswith("make")]
# Done; or done as far as this router can, which lacks flowtables.
GOOD = {0, 4}
# What it cannot be asked here: it has no run-time exempt to delete, since the kernel it stands on takes none.
REFUSED = ("ubus call offload exempt_", "offload flows", "ubus call offload flows", "offload apply")


@pytest.fixture(name="router", scope="module")
def _router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    root = tmp_path_factory.mktemp("router")
    furnish(root)
    with running(root) as router:
        router.install(build(REPOSITORY / "package" / "offload", tmp_path_factory.mktemp("packages")))
        router.until("ubus list offload")
        yield router


def test_there_are_commands() -> None:
    assert len(ON_A_ROUTER) > 10


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make")])
def test_every_target_of_make_exists(command: str) -> None:
    assert command.startswith(ELSEWHERE) or f"\n{command.split()[1]}:" in MAKEFILE


@pytest.mark.parametrize("command", ON_A_ROUTER)
def test_every_command_for_a_router_runs_there(router: Router, command: str) -> None:
    said = router.run(f"{command}; echo; echo $?")
    text, _, status = said.rstrip().rpartition("\n")
    if command.startswith("/etc/init.d/offload") and not command.endswith("stop"):
        router.until("ubus list offload")
    assert int(status) in GOOD or command.startswith(REFUSED), said
    if command.startswith("ubus call"):
        reply = json.loads(text)
        assert reply["ok"] or (command.startswith(REFUSED) and reply["error"])


def test_the_readme_says_what_is_shipped() -> None:
    version = re.search(r'__version__ = "(.*)"', Path(REPOSITORY, "src/offload/__init__.py").read_text())
    assert version
    assert set(re.findall(r"offload[_-](\d+\.\d+\.\d+)-r1", README)) == {version[1]}
