"""Every command that README.md and docs/ show for a router, run in their order on one whose kernel has flowtables."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import ubus_cli

from kernel.resident import Resident
from readme import COMMANDS, prepare

TYPED = [command for command in COMMANDS if command.startswith(("offload", "ubus call "))]


@pytest.fixture(name="programs", scope="module")
def _programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`offload` and `ubus`, as one types them."""
    folder = tmp_path_factory.mktemp("bin")
    for name, words in {"offload": "-m offload", "ubus": f"{ubus_cli.__file__} -s $OFFLOAD_UBUS_SOCKET"}.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        program.chmod(0o755)
    return folder


@pytest.mark.parametrize("command", TYPED)
def test_every_command_does_what_readme_promises(service: Resident, programs: Path, command: str) -> None:
    environment = [f"PATH={programs}:{os.environ['PATH']}", f"OFFLOAD_UBUS_SOCKET={service.router.socket}"]
    prepare(command, service.router.config / "offload")
    typed = ["ip", "netns", "exec", service.router.name, "env", *environment, "sh", "-c", command]
    printed = subprocess.run(typed, check=True, capture_output=True, text=True).stdout
    if command.startswith("ubus call"):
        assert json.loads(printed)["ok"] is True
    assert printed
