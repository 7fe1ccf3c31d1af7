"""The running kernel's devices, whatever they are called: in a network namespace of the test's own."""

import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import subprocess
from offload.system.netlink.route.links import Netlink
subprocess.run([b"ip", b"link", b"set", b"lo", b"down", b"name", b"w\\xffx"], check=True)
found = Netlink()
print(ascii([link.name for link in found.scene().links]), ascii(list(found.received())), found.routes())
"""


def test_a_name_that_is_no_text_is_shown_as_far_as_it_is() -> None:
    if not all(map(shutil.which, ("unshare", "ip"))):
        pytest.skip("needs the programs unshare and ip")
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("may not make network namespaces here")
    command = ["unshare", "-rn", sys.executable, "-c", PROGRAM]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == "['w\\ufffdx'] ['w\\ufffdx'] ()\n"
