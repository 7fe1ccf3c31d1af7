"""The init script by itself, with the functions of procd and ubus as they are on a router."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "files" / "etc" / "init.d" / "offload"
RELOAD = """
ubus() { echo "ubus $*" >&2; return "$STATUS"; }
procd_send_signal() { echo "HUP $*"; }
. "$SCRIPT"
reload_service
"""


@pytest.mark.parametrize(("status", "sent"), [("0", "HUP offload\n"), ("4", "")])
def test_a_service_that_is_not_on_ubus_yet_gets_no_signal(status: str, sent: str) -> None:
    """HUP would end a Python that has not set its handler yet; its first pass reads everything anyway."""
    done = subprocess.run(
        ["sh", "-c", RELOAD],
        env={"STATUS": status, "SCRIPT": str(SCRIPT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, sent)
