"""What nft would load is read as the kernel has it once it is loaded, and nothing is loaded."""

from pathlib import Path

import pytest

from offload.errors import NftError, NftFault
from offload.system.nft.dry_run import DryRun, printed
from system.test_nft_rules import MATCHES, RESOLVED, RULES, asked

# Both readings of the same rules, without what the kernel numbers by itself
BOTH = """
import json, os, subprocess
from offload.compiler.offload.unloaded import _plainly
from offload.nouns import asdict
from offload.system.nft.dry_run import DryRun
from offload.system.nft.nfnetlink.tables import ruleset
text, before = os.environ["PROGRAM_TEXT"], ruleset({})[0]
found = DryRun()(["add table inet other\\n", text])
print(json.dumps(ruleset({})[0] == before))
subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
chains, rules = ruleset({})[0]
print(json.dumps(found[0] == ((), ())))
print(json.dumps([[repr(_plainly(each)) for each in several] for several in (found[1][1], rules)]))
print(json.dumps([[repr(each) for each in several if each.hook] for several in (found[1][0], chains)]))
"""
REFUSED = """
import json
from offload.errors import NftError
from offload.system.nft.dry_run import DryRun
for text in ("chain nonsense", 'include "/no/such/file"', "add rule inet t f counter"):
    try:
        DryRun()([text + "\\n"])
    except NftError as error:
        print(json.dumps(error.fault.name))
"""
PRINTED = """----------------\t------------------
|  0000000032  |\t| message length |
| 02566 | R--- |\t|  type | flags  |
|  0000000003  |\t| sequence number|
|  0000000000  |\t|     port ID    |
----------------\t------------------
| 01 00 00 00  |\t|  extra header  |
|\x1b[1;31m00012\x1b[0m|\x1b[1;32mN-\x1b[0m|\x1b[1;34m00004\x1b[0m|\t|len |flags| type|
|\x1b[1;31m00008\x1b[0m|\x1b[1;32m--\x1b[0m|\x1b[1;34m00001\x1b[0m|\t|len |flags| type|
| 66 77 34 00  |\t|      data      |\t f w 4
----------------\t------------------
"""


def test_a_dry_run_reads_what_the_kernel_has_afterwards() -> None:
    rules = [
        *RULES,
        *MATCHES,
        *RESOLVED,
        "limit name ip saddr map @slower drop",
        "ip saddr vmap @ways",
        "ip saddr vmap @none",
    ]
    text = "table inet t {\nset hosts { type ipv4_addr; flags dynamic; }\nlimit slow { rate 9/second; }\n"
    text += 'map slower { type ipv4_addr : limit; elements = { 10.0.0.1 : "slow" }; }\nchain other { }\n'
    text += "chain third { }\n"
    text += "map ways { type ipv4_addr : verdict; elements = { 10.0.0.1 : jump other }; }\n"
    text += "map none { type ipv4_addr : verdict; }\n"
    text += "chain f {\ntype filter hook forward priority -5;\n" + "\n".join(rules) + "\n}\n}\n"
    program = f"import os\nos.environ['PROGRAM_TEXT'] = {text!r}\n{BOTH}"
    unchanged, empty, (dry, live), (bases, chains) = asked("", program)
    assert unchanged and empty
    assert len(dry) == len(rules)
    assert dry == live
    assert bases == chains


def test_what_nft_refuses_is_an_error() -> None:
    assert asked("", REFUSED) == ["REFUSED", "REFUSED", "KERNEL_REFUSED"]


def test_printed_messages_are_read_in_any_colour() -> None:
    body = bytes.fromhex("01000000 0c000400 08000100 66773400")
    assert list(printed(PRINTED)) == [(2566, body)]
    assert list(printed(PRINTED + "table inet t\n" + PRINTED)) == [(2566, body)] * 2
    assert list(printed("")) == []


def test_an_nft_that_prints_nothing_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "nft"
    program.write_text("#!/bin/sh\ncat >/dev/null\n")
    program.chmod(0o755)
    with pytest.raises(NftError, match="does not print what it would load"):
        DryRun(str(program))(["table inet t { }\n"])


def test_an_nft_that_waits_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nft"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr("offload.system.nft.dry_run.TIMEOUT", 0.2)
    with pytest.raises(NftError) as raised:
        DryRun(str(program))(["table inet t { }\n"])
    assert raised.value.fault is NftFault.SILENT
