"""`offload firewall start` and its like: asked of a service or done alone, one at a time, with true exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from offload.cli.firewall import lookup
from offload.cli.firewall.given import parsed
from offload.cli.firewall.load import DONE, FAILED, Json, Loading, run
from offload.errors import AbsentError, FileError, OffloadError
from offload.model.problems.problem import ProblemCode
from offload.service.bus import methods
from offload.service.firewall.alone import act_alone
from offload.system.files.private_file import FakePrivateFile
from offload.system.firewall_turn import began, now, turn
from offload.system.netifd import DUMP
from offload.system.scripts import FakeScripts, Scripts
from service.firewalls import RULES, FirewallRouter, firewall_router, rule
from service.routers import section


@dataclass
class Console:
    """Where the verbs are called; `alone`: without the service."""

    host: FirewallRouter
    alone: bool
    runner: FakeScripts = field(default_factory=FakeScripts)
    outcome: FakePrivateFile = field(default_factory=FakePrivateFile)
    heard: list[str] = field(default_factory=list)
    turns: int = 0
    flushed: int = 0
    time: float = 100.0

    def act(self, action: str) -> Json:
        try:
            if self.alone:
                return act_alone(self.host.service.doors, action)
            return methods.firewall(self.host.service, {"action": action})
        except OffloadError as refusal:  # as the service replies
            return {"ok": False, "error": str(refusal)}

    @contextmanager
    def turn(self) -> Iterator[None]:
        self.turns += 1
        yield

    def flush(self) -> None:
        self.flushed += 1

    def call(self, verb: str, began: float = 100.0) -> int:
        doors = Loading(
            self.act,
            self.turn,
            self.outcome,
            self.runner,
            lambda: ["/etc/script"],
            self.flush,
            self.heard.append,
            began,
            lambda: self.time,
        )
        return run(verb, doors)

    def texts(self) -> list[str]:
        return [text for text in self.host.nft.sent if "fw4" in text]


@pytest.fixture(name="console", params=[False, True], ids=["service", "alone"])
def _console(request: pytest.FixtureRequest) -> Console:
    return Console(firewall_router(), request.param)


def test_it_is_loaded_once_and_its_scripts_run(console: Console) -> None:
    assert (console.call("start"), console.call("start")) == (DONE, FAILED)
    assert console.heard == ["The firewall is loaded already."]
    assert console.runner.ran == ["save", "/etc/script"]
    assert (console.call("restart"), console.call("reload", began=200)) == (DONE, DONE)
    assert (len(console.texts()), console.turns) == (2, 4)  # for the reload nothing had changed
    assert console.runner.ran == ["save", "/etc/script"] * 3


def test_calls_at_once_are_one_load(console: Console) -> None:
    console.call("start", began=99)
    console.host.configure(*RULES, rule(9))
    console.time = 101
    assert [console.call("reload", began=100.5) for _ in range(5)] == [DONE] * 5
    assert len(console.texts()) == 2
    assert console.runner.ran == ["save", "/etc/script"] * 2
    console.host.configure(*RULES)
    assert console.call("reload", began=102) == DONE  # the configuration is another one by then
    assert len(console.texts()) == 3


def test_those_who_share_a_load_share_its_failure(console: Console) -> None:
    console.call("start", began=99)
    console.host.configure(*RULES, rule(9))
    console.host.nft.bad = ("table inet fw4",)
    console.time = 101
    assert [console.call("reload", began=100.5) for _ in range(3)] == [FAILED] * 3
    assert console.heard == ["offload: the firewall is as it was before: syntax error, unexpected word"] * 3
    assert console.runner.ran == ["save", "/etc/script"]


HUGE = b'{"error": "", "begun": 1' + 400 * b"0" + b"}"


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"5",
        b'{"begun": "x", "error": ""}',
        b'{"begun": 60}',
        b'{"begun": 1e400, "error": ""}',
        b"\xff",
        HUGE,
        100_000 * b"[",
    ],
)
def test_an_outcome_that_cannot_be_read_costs_a_load(console: Console, content: bytes) -> None:
    console.call("start")
    console.host.configure(*RULES, rule(9))
    console.outcome.content = content
    assert console.call("reload", began=50) == DONE
    assert len(console.texts()) == 2


@pytest.mark.parametrize("verb", ["start", "reload", "restart"])
def test_a_configuration_that_cannot_be_read_is_a_failure(console: Console, verb: str) -> None:
    console.host.fakes.uci.packages["firewall"] = ProblemCode.FILE_SYNTAX.at("firewall", detail="line 3")
    assert console.call(verb) == FAILED
    assert "line 3" in console.heard[-1]
    assert console.texts() == []


def test_without_netifd_nothing_is_loaded_and_that_is_a_failure(console: Console) -> None:
    console.host.fakes.bus.replies[DUMP] = AbsentError("network.interface dump: ubus has no such object")
    assert console.call("restart") == FAILED
    assert "network.interface dump" in console.heard[-1]


def test_sections_that_are_left_out_are_named(console: Console) -> None:
    console.host.nft.bad = ("Rule 3",)
    assert console.call("start") == DONE
    (line,) = console.heard
    assert line.startswith("[!] Section r3 (Rule 3)")


def test_stop_is_on_purpose_and_names_what_is_open(console: Console) -> None:
    assert console.call("stop") == FAILED  # as fw4: nothing was loaded
    console.call("start")
    assert console.call("stop") == DONE
    assert "every packet to this router and through it is accepted" in console.heard[-1]
    assert (console.host.nft.rules["fw4"], console.host.loaded.content) == (frozenset(), None)
    assert console.call("reload", began=200) == FAILED
    assert "is stopped" in console.heard[-1]
    assert (console.call("start"), console.host.stop.content) == (DONE, None)
    assert (console.call("flush"), console.flushed, console.host.stop.content) == (DONE, 1, b"")
    assert console.call("restart") == DONE


def test_sets_are_filled_with_what_the_files_have_now(console: Console) -> None:
    words = {"name": "hosts", "loadfile": "/etc/hosts.txt"}
    console.host.configure(section("firewall", "ipset", "hosts", match=("src_ip",), entry=("10.0.0.1",), **words))
    console.host.files.texts["/etc/hosts.txt"] = "10.0.0.2\n"
    console.call("start")
    console.host.files.texts["/etc/hosts.txt"] = "10.0.0.3\n"
    assert console.call("reload-sets") == DONE
    assert "flush set inet fw4 hosts" in console.host.nft.sent[-1]
    assert "10.0.0.1,10.0.0.3" in "".join(console.host.nft.sent[-1].split())


def test_what_is_taken_out_of_a_set_goes_with_a_restart_and_not_with_a_reload(console: Console) -> None:
    def configured(*entries: str) -> None:
        console.host.configure(section("firewall", "ipset", "s", name="hosts", match=("src_ip",), entry=entries))

    configured("10.0.0.1", "10.0.0.2")
    console.call("start")
    configured("10.0.0.1")
    assert console.call("reload", began=200) == DONE
    assert not [text for text in console.host.nft.sent if "flush set" in text]
    assert console.call("restart") == DONE
    assert "flush set inet fw4 hosts" in console.host.nft.sent[-1]
    assert "10.0.0.2" not in console.host.nft.sent[-1]


def test_sets_that_cannot_be_filled_have_the_cause_of_the_pass(console: Console) -> None:
    console.host.nft.bad = ("table inet fw4",)
    assert console.call("reload-sets") == FAILED
    assert console.heard.pop() == "offload: the firewall is as it was before: syntax error, unexpected word"
    console.host.nft.bad = ()
    console.host.fakes.bus.replies[DUMP] = AbsentError("network.interface dump: ubus has no such object")
    console.host.start()  # what nft refused is forgotten
    assert console.call("reload-sets") == FAILED
    assert "network.interface dump" in console.heard[-1]


def test_sets_whose_files_were_not_read_are_no_success() -> None:
    console = Console(firewall_router(), alone=False)
    console.call("start")
    console.host.fakes.bus.replies[DUMP] = AbsentError("network.interface dump: ubus has no such object")
    assert console.call("reload-sets") == FAILED
    assert "network.interface dump" in console.heard[-1]


@pytest.mark.parametrize("verb", ["reload-sets", "update"])
def test_what_is_not_the_firewalls_is_no_failure_of_it(console: Console, verb: str) -> None:
    console.host.configure(section("firewall", "ipset", "s", name="hosts", match=("src_ip",), entry=("10.0.0.1",)))
    console.call("start")
    console.host.fakes.uci.packages["offload"] = ProblemCode.FILE_SYNTAX.at("offload", detail="line 3")
    assert (console.call(verb), console.heard) == (DONE, [])
    console.host.fakes.uci.packages["firewall"] = ProblemCode.FILE_SYNTAX.at("firewall", detail="line 4")
    assert (console.call(verb), len(console.heard)) == (FAILED, 1)


@pytest.mark.parametrize("name", ["offload", "firewall"])
def test_a_stop_and_a_flush_need_no_readable_configuration(console: Console, name: str) -> None:
    console.call("start")
    console.host.fakes.uci.packages[name] = ProblemCode.FILE_SYNTAX.at(name, detail="line 3")
    assert (console.call("stop"), console.call("flush"), console.flushed) == (DONE, DONE, 1)
    assert all(line.startswith("The firewall is stopped") for line in console.heard)


def test_a_restart_whose_sets_nft_refuses_has_loaded_the_firewall(console: Console) -> None:
    console.host.configure(section("firewall", "ipset", "s", name="hosts", match=("src_ip",), entry=("10.0.0.1",)))
    console.call("start")
    console.host.nft.bad = ("flush set",)
    console.runner.ran.clear()
    assert (console.call("restart"), console.runner.ran) == (DONE, ["save", "/etc/script"])
    (line,) = console.heard
    assert line.startswith("[!] the firewall is loaded, but its sets keep") and "syntax error" in line


def test_a_restart_that_fails_leaves_the_sets(console: Console) -> None:
    console.host.configure(section("firewall", "ipset", "s", name="hosts", match=("src_ip",), entry=("10.0.0.1",)))
    console.call("start")
    console.host.nft.bad = ("table inet fw4",)
    assert console.call("restart") == FAILED
    assert not [text for text in console.host.nft.sent if "flush set" in text]


def test_a_script_that_fails_is_named(console: Console) -> None:
    console.runner.wrong = "failed with exit code 3"
    assert console.call("start") == DONE
    assert console.heard == ["Script /etc/script failed with exit code 3"]


def test_alone_it_ends_what_an_earlier_service_offloaded() -> None:
    host = firewall_router()
    host.service.work()
    host.configure(*RULES, rule(9))
    host.nft.others |= {"flow_offload"}
    assert act_alone(host.service.doors, "reload")["ok"]
    assert "delete table inet flow_offload" in host.nft.sent[-1]


def test_zones_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = firewall_router()
    host.service.work()
    state = tmp_path / "run/firewall.json"
    state.parent.mkdir(mode=0o700)
    with pytest.raises(FileError, match="no firewall is loaded"):
        lookup.lookup("network", ["lan"], state)
    state.write_bytes(host.loaded.content or b"")
    state.chmod(0o600)

    def asked(verb: str, *words: str) -> tuple[int, str]:
        return lookup.lookup(verb, words, state), capsys.readouterr().out

    assert asked("network", "lan") == (0, "lan\n")
    assert asked("network", "nonet") == (1, "")
    assert asked("device", "br-lan") == (0, "lan\n")
    assert asked("device", "eth77") == (1, "")
    assert asked("zone", "lan") == (0, "br-lan\n")
    assert asked("zone", "lan", "br-lan") == (0, "br-lan\n")
    assert asked("zone", "lan", "eth0") == (1, "")
    assert asked("zone", "nozone") == (1, "")
    faulty = ["5", '"lan"', "{}", '{"name": 5, "networks": [], "devices": []}']
    faulty += ['{"name": "lan", "networks": null, "devices": []}', '{"name": "lan", "networks": [], "devices": "eth0"}']
    faulty += [r'{"name": "\ud800", "networks": ["lan"], "devices": []}']
    faulty += [r'{"name": "lan", "networks": ["lan"], "devices": ["\u001b[2J"]}']
    for content in ("{", "[]", "{}", '{"zones": 5}', 100_000 * "[", *(f'{{"zones": [{each}]}}' for each in faulty)):
        state.write_text(content)
        with pytest.raises(FileError, match="cannot be read"):
            asked("network", "lan")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "which verb"),
        ("-q", "which verb"),
        ("dance", "'dance' is not understood"),
        ("start now", "'start' takes no more words"),
        ("network", "'network' needs a name: offload firewall network NET"),
        ("zone", r"'zone' needs a name: offload firewall zone ZONE \[DEV\]"),
        ("zone a b c", "'zone' takes no more words"),
        ("reload --root /x", "'reload' needs the running router"),
        ("print --root", "'--root' needs a value: --root DIR"),
        ("print --root=", "'--root' needs a value: --root DIR"),
        ("trace --src", "'--src' needs a value: --src ZONE"),
        ("trace --dest-port=", "'--dest-port' needs a value: --dest-port N"),
        ("trace --src lan --dest= --dest-port 80", "'--dest' needs a value: --dest ZONE"),
        ("trace --src --dest wan", "'--src' needs a value: --src ZONE"),
        ("trace --src=--dest wan", "'--src' needs a value: --src ZONE"),
        ("print --root= --explain", "'--root' needs a value: --root DIR"),
        ("print --explain=1", "'--explain' takes no value"),
        ("check --explain", "'check' takes no --explain: offload firewall print --explain"),
        ("reload --explain", "'reload' takes no --explain"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(words: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parsed(words.split())


def test_another_command_at_work_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "fw4.lock"
    heard: list[str] = []
    with (
        turn(heard.append, lock),
        pytest.raises(FileError, match=f"process {os.getpid()} .*for more than 0.1 s"),
        turn(heard.append, lock, first=0.05, last=0.1),
    ):
        pass
    assert [line.startswith(f"Waiting for process {os.getpid()} ") for line in heard] == [True]
    with turn(heard.append, lock, first=0.05):  # it is free again
        assert len(heard) == 1
    with pytest.raises(FileError, match="cannot be opened"), turn(heard.append, tmp_path / "no/lock"):
        pass


def test_when_a_command_was_called_is_what_its_caller_read_and_no_process_inherits_it() -> None:
    environment = {"OFFLOAD_CALLED": "17.25"}
    assert began(environment) == 17.26 and environment == {}
    before = now()
    assert before <= began({}) <= now()
    assert before <= began({"OFFLOAD_CALLED": "soon"}) <= now()
    assert began({"OFFLOAD_CALLED": str(before + 1000)}) <= now()


def test_a_shell_that_loads_twice_loads_twice(tmp_path: Path) -> None:
    """OpenWrt's shell runs its last command in its own process, which began before the load of the first."""
    program = tmp_path / "offload"
    code = "from offload.system.firewall_turn import began, now; print(began(), now())"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{code}'\n")
    program.chmod(0o755)
    fw4 = tmp_path / "fw4"
    wrapper = (Path(__file__).parents[2] / "files/sbin/fw4").read_text()
    fw4.write_text(wrapper.replace("/usr/bin/offload", str(program)))
    fw4.chmod(0o755)
    times = subprocess.check_output(["sh", "-c", f"{fw4}; exec {fw4}"], text=True)
    called, loaded, again, _ = map(float, times.split())
    assert called <= loaded < again


@pytest.mark.slow  # it needs a program of Debian
def test_scripts_run_in_a_shell_that_has_no_uci(tmp_path: Path) -> None:
    script = tmp_path / "it's.sh"
    script.write_text(f"echo done >{tmp_path}/out; exit 3\n")
    assert Scripts().source(str(script)) == "failed with exit code 3"
    assert (tmp_path / "out").read_text() == "done\n"
    script.write_text("config x\n")
    assert Scripts().source(str(script)) == "failed with exit code 1"
    script.write_text("true\n")
    assert Scripts().source(str(script)) == ""
    script.write_text("sleep 60 & wait\n")
    assert Scripts(timeout=0.2).source(str(script)) == "was ended: it took more than 0.2 s"
    assert "cannot be run" in Scripts(keeper=str(tmp_path / "none")).save()


def test_the_outcome_is_written_for_those_who_wait() -> None:
    console = Console(firewall_router(), alone=False)
    console.outcome.refusal = "/var/run/offload/firewall.outcome cannot be written: No space left on device"
    assert console.call("restart") == DONE
    console.outcome.refusal = ""
    assert console.call("restart") == DONE
    assert json.loads(console.outcome.content or b"") == {"begun": 100.0, "error": ""}
