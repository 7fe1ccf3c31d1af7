"""Every command of README.md works: those for a router are run in their order on the router of router.py."""

import json
from collections.abc import Iterator

import pytest
from package.ipk import pack
from package.recipes import recipe_of

from package.router import REPOSITORY, Router, furnish, running
from readme import COMMANDS, prepare

MAKEFILE = (REPOSITORY / "Makefile").read_text()
ON_A_ROUTER = [command for command in COMMANDS if not command.startswith(("make", "opkg", "apk"))]
# Run where they can be: OpenWrt's SDK and image builder are not here, and what opkg does is done by `Router`.
ELSEWHERE = ("make image", "make package/offload/compile", "make package/luci-app-offload/compile")
# This router has no flowtables, and says so; every other command does what README says.
LACKING = ("check", "apply", "reload", "set", "pair", "print", "exempt delete Console")


@pytest.fixture(name="router", scope="module")
def _router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    root = tmp_path_factory.mktemp("router")
    furnish(root)
    with running(root) as router:
        router.install(pack(recipe_of(REPOSITORY / "package" / "offload"), tmp_path_factory.mktemp("packages")))
        router.until("ubus list offload")
        yield router


def test_there_are_commands() -> None:
    assert len(ON_A_ROUTER) > 15


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make")])
def test_every_target_of_make_exists(command: str) -> None:
    assert command.startswith(ELSEWHERE) or f"\n{command.split()[1]}:" in MAKEFILE


@pytest.mark.parametrize("command", ON_A_ROUTER)
def test_every_command_for_a_router_runs_there(router: Router, command: str) -> None:
    lacking = command.startswith(tuple(f"offload {each}" for each in LACKING))
    prepare(command, router.root / "etc/config/offload")
    printed = router.run(command, status=4 if lacking else 0)
    if command.endswith("stop"):
        router.run("/etc/init.d/offload start")  # for the commands that follow
    if command.startswith("/etc/init.d/offload"):
        router.until("ubus list offload")
    if command.startswith("ubus call"):
        assert json.loads(printed)["ok"] is True, printed
