"""The stand-in of the program `ubus` prints what the real one does (brokers.py: how to run this with the real one)."""

import re
import select
import subprocess
import sys
from pathlib import Path

import brokers
import pytest
import ubus

PROGRAM = [sys.executable, str(brokers.OURS / "ubus_cli.py")] if brokers.STANDIN else ["ubus"]


@pytest.mark.skipif(not brokers.STANDIN, reason="a feature of our broker")
def test_replies_from_a_directory(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ubus_cli
    from ubusd import running

    replies = tmp_path / "replies"
    replies.mkdir()
    reply = replies / "network.interface~dump.json"
    reply.write_text('{"interface": []}')
    monkeypatch.setenv("OFFLOAD_UBUS_SOCKET", str(path))
    with running(path, replies):
        ubus.connect()
        assert ubus.objects() == {"network.interface": {"dump": {}}}
        assert ubus.call("network.interface", "dump", {"any": "thing"}) == [{"interface": []}]
        reply.write_text('{"interface": [1]}')
        assert ubus.call("network.interface", "dump", {}) == [{"interface": [1]}]
        reply.write_text("nonsense")
        for method, sentence in (("dump", "Unknown error"), ("up", "Method not found")):
            with pytest.raises(RuntimeError, match=sentence):
                ubus.call("network.interface", method, {})
        ubus.disconnect()
        assert ubus_cli.main(["list"]) == 0


COMMANDS: dict[str, tuple[list[str], int, str, str]] = {
    "list": (["list"], 0, "other\n", ""),
    "list verbosely": (
        ["-v", "list", "other"],
        0,
        '\'other\' @ID\n\t"echo":{"value":"(unknown)"}\n\t"slow":{"tenths":"Integer"}\n\t"odd":{}\n\t"die":{}\n',
        "",
    ),
    "list missing": (["list", "missing"], 4, "", "Command failed: Not found\n"),
    "call": (
        ["call", "other", "echo", '{"value": [1, 2.5, {}, "é"]}'],
        0,
        '{\n\t"value": [\n\t\t1,\n\t\t2.500000,\n\t\t{\n\t\t\t\n\t\t},\n\t\t"é"\n\t]\n}\n',
        "",
    ),
    "call simply": (["-S", "call", "other", "echo", '{"value":[true,null]}'], 0, '{"value":[true,null]}\n', ""),
    "call missing": (["call", "missing", "echo"], 4, "", "Command failed: Not found\n"),
    "call nothing": (["call", "other", "no"], 253, "", "Command failed: ubus call other no (Method not found)\n"),
    "call badly": (
        ["call", "other", "echo", "{"],
        244,
        "",
        "Command failed: ubus call other echo { (Parsing message data failed)\n",
    ),
    "call with too little": (
        ["call", "other", "echo"],
        254,
        "",
        "Command failed: ubus call other echo (Invalid argument)\nUsage: ",
    ),
    "call simply with too little": (["-S", "call", "other", "echo"], 2, "", ""),
    "call with no number": (
        ["call", "other", "echo", '{"value": NaN}'],
        247,
        "",
        'Command failed: ubus call other echo {"value": NaN} (Unknown error)\n',
    ),
    "call with bytes": (
        ["call", "other", "echo", '{"value": "\udcff"}'],
        247,
        "",
        'Command failed: ubus call other echo {"value": "\udcff"} (Unknown error)\n',
    ),
    "call with more behind": (["-S", "call", "other", "echo", ' {"value":"a\tb"}}'], 0, '{"value":"a\\tb"}\n', ""),
    "call for what is no JSON": (["-S", "call", "other", "odd"], 0, '{1,"of":[nan,-inf]}\n', ""),
    "call without a method": (["call", "other"], 254, "", "Usage: "),
    "call with two messages": (["call", "other", "echo", "{}", "{}"], 254, "", "Usage: "),
    "list two": (["list", "other", "mine"], 254, "", "Usage: "),
    "no such command": (["nonsense"], 254, "", "Usage: "),
    "no command": ([], 1, "", "Usage: "),
    "send": (["send", "event", "{}"], 0, "", ""),
}


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("name", COMMANDS)
def test_the_program(path: Path, name: str) -> None:
    arguments, code, output, error = COMMANDS[name]
    done = subprocess.run([*PROGRAM, "-s", str(path), *arguments], capture_output=True, check=False)
    shown = re.sub("@[0-9a-f]{8}", "@ID", done.stdout.decode())
    said, usage, _ = done.stderr.decode(errors="surrogateescape").partition("Usage: ")
    assert (done.returncode, shown, said + usage) == (code, output, error)


@pytest.mark.usefixtures("broker")
def test_the_program_listens(path: Path) -> None:
    with subprocess.Popen([*PROGRAM, "-s", str(path), "listen", "an*"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while not select.select([process.stdout], [], [], 0.05)[0]:
            ubus.send("answer", {})
        ubus.send("an.event", {"n": 1, "list": [True]})
        printed = list(iter(process.stdout.readline, '{ "an.event": {"n":1,"list":[true]} }\n'))
        assert set(printed) == {'{ "answer": {} }\n'}
        process.kill()
