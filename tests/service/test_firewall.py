"""The firewall's part of a pass: when it sends the ruleset, and which changes of other programs it leaves alone."""

import json

import pytest

from offload.errors import FileError, NftError, NftFault, OffloadError
from offload.model.cause import Cause
from offload.model.kernel.live_rule import LiveChain, LiveRule, RuleMatch
from offload.model.problems.problem import ProblemCode
from offload.model.text.octets import as_bytes
from offload.service.bus import methods
from offload.service.checking.check import check
from offload.service.engine import Engine
from offload.service.hints.kernel_events import causes_of_others, firewall_damaged
from offload.system.files.private_file import FakePrivateFile
from offload.system.netifd import DUMP
from offload.system.netlink.route.messages import Notification
from service.firewalls import OTHERS, RULES, PickyNft, firewall_router, rule
from service.routers import REPLY, router, section


def call(service: Engine, action: str) -> dict[str, object]:
    return methods.firewall(service, {"action": action})


def test_both_are_one_transaction_and_the_next_pass_sends_nothing() -> None:
    host = firewall_router()
    assert host.service.work().error == ""
    (text,) = host.nft.sent
    assert "table inet fw4 {" in text and "table inet flow_offload {" in text
    assert (host.service.work().changes, len(host.nft.sent)) == (0, 1)
    host.configure(*RULES, rule(9))
    applied = host.service.work()
    assert (applied.changes, applied.returned) == (1, ("flow_offload",))
    assert "flush chain inet fw4 input_lan" in host.nft.sent[-1] and "table inet flow_offload {" in host.nft.sent[-1]


def test_check_lists_what_is_wrong_with_its_sections() -> None:
    disabled = section("firewall", "rule", "r2", name="Off", src="lan", target="DROP", enabled="0")
    host = firewall_router(rule(1, proto="tpc"), disabled)
    host.service.work()
    found = check(host.service, {})
    assert found["ok"] is False
    assert {each["code"] for each in found["firewall"]} == {"INVALID_VALUE", "SKIPPED"}
    assert {each["place"] for each in found["firewall"]} == {"Section r1 (Rule 1)"}


def test_check_and_status_say_why_a_load_failed() -> None:
    host = firewall_router()
    host.service.work()
    host.configure(*RULES, rule(9))
    host.nft.bad = ("chain input_lan",)
    host.service.work()
    refused = host.service.firewall.error if host.service.firewall else ""
    assert "as it was before" in refused
    found = check(host.service, {})
    assert (found["ok"], found["failed"]) == (False, [refused])
    assert methods.status(host.service, {})["applied"]["error"] == refused
    host.nft.bad = ()
    call(host.service, "reload")
    found = check(host.service, {})
    assert (found["failed"], methods.status(host.service, {})["applied"]["error"]) == ([], "")


def test_check_says_a_failure_of_the_pass_but_no_fault_of_a_file_twice() -> None:
    host = firewall_router()
    host.service.work()
    host.fakes.uci.packages["offload"] = ProblemCode.FILE_SYNTAX.at("offload", detail="line 3")
    host.service.work()
    found = check(host.service, {})
    assert (found["ok"], found["failed"]) == (False, [])
    assert [each["code"] for each in found["problems"]] == ["FILE_SYNTAX"]


def test_rules_of_others_live_on() -> None:
    host = firewall_router()
    host.service.work()
    host.nft.rules["fw4"] |= {OTHERS}
    assert not firewall_damaged(host.service) and host.service.work().changes == 0
    host.configure(*RULES, rule(9))
    host.service.work()
    assert OTHERS in host.nft.rules["fw4"]
    host.nft.rules["fw4"] -= {OTHERS}  # their own removal is no damage
    assert not firewall_damaged(host.service) and host.service.work().changes == 0


def test_a_table_that_others_made_again_is_mended_though_its_rules_have_the_same_numbers() -> None:
    host = firewall_router()
    host.service.work()
    host.nft.rules["fw4"] = frozenset((chain, handle, 2) for chain, handle, _ in host.nft.rules["fw4"])
    assert firewall_damaged(host.service)
    assert host.service.work().changes == 1
    assert not firewall_damaged(host.service)


def test_missing_rules_of_ours_are_mended() -> None:
    host = firewall_router()
    host.service.work()
    host.nft.rules["fw4"] = frozenset(sorted(host.nft.rules["fw4"])[1:])
    assert firewall_damaged(host.service)
    assert host.service.work().changes == 1
    assert not firewall_damaged(host.service)


@pytest.mark.parametrize(
    ("notice", "damaged", "causes"),
    [
        (Notification((Cause.FIREWALL,), generations=1, tables=frozenset({"fw4"})), False, ()),
        (Notification((), generations=1, tables=frozenset({"fw4"}), removed=frozenset({"fw4"})), False, ()),
        (Notification((), generations=1, tables=frozenset({"fw4"}), removed=frozenset({"fw4"})), True, (Cause.TABLES,)),
        (Notification((Cause.CHAIN,), generations=1, tables=frozenset({"banip"})), False, (Cause.CHAIN,)),
    ],
)
def test_a_change_of_others_is_a_cause_if_our_part_is_damaged(
    notice: Notification, causes: tuple[Cause, ...], *, damaged: bool
) -> None:
    host = firewall_router()
    host.service.work()
    if damaged:
        host.nft.rules["fw4"] = frozenset()
    assert causes_of_others(host.service, notice) == causes


def test_a_restarted_service_finds_its_rules_and_sends_nothing() -> None:
    host = firewall_router()
    host.service.work()
    sent = len(host.nft.sent)
    host.start().work()
    assert not any("fw4" in text for text in host.nft.sent[sent:])
    host.configure(*RULES, rule(9))
    host.start().work()
    assert "flush table inet fw4" in host.nft.sent[-1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        100_000 * b"[",
        b"null",
        b'{"handles": 5}',
        b'{"handles": [["a", 1]]}',
        b'{"handles": [["a", "b", 1]]}',
        b'{"handles": [["a", 1e400, 1]]}',
        b'{"networks": {"wan": [["a"], {}, null]}}',
    ],
)
def test_a_file_of_an_earlier_service_that_cannot_be_read_costs_a_load(content: bytes) -> None:
    host = firewall_router()
    host.loaded.content = content
    assert host.service.work().error == ""
    assert host.nft.rules["fw4"]


def test_a_configuration_that_cannot_be_read_changes_nothing() -> None:
    host = firewall_router()
    host.service.work()
    sent = list(host.nft.sent)
    host.fakes.uci.packages["firewall"] = ProblemCode.FILE_SYNTAX.at("firewall", detail="line 3")
    assert "line 3" in host.service.work().error
    assert host.nft.sent == sent


def test_what_nft_refuses_altogether_leaves_what_was_loaded_and_offload_goes_on() -> None:
    host = firewall_router()
    host.service.work()
    rules = host.nft.rules["fw4"]
    host.configure(*RULES, rule(9))
    host.nft.bad = ("chain input_lan",)
    host.service.work()
    assert host.nft.rules["fw4"] == rules
    assert host.service.trouble == "the firewall is as it was before: syntax error, unexpected word"
    checks = host.nft.checks
    host.service.work()  # the same text again would be refused again
    assert host.nft.checks == checks
    host.nft.bad = ()
    assert call(host.service, "reload")["ok"] and host.service.trouble == ""


def test_a_device_that_is_gone_does_not_keep_the_firewall_from_its_new_rules() -> None:
    host = firewall_router()
    host.service.work()
    host.configure(*RULES, rule(9))
    host.nft.bad = ("table inet flow_offload",)
    assert host.service.work().error
    assert "Rule 9" in "".join(host.nft.sent)


def test_stopped_is_stopped_until_it_is_started() -> None:
    host = firewall_router()
    host.service.work()
    reply = call(host.service, "stop")
    assert (reply["ok"], reply["stopped"], reply["loaded"]) == (True, True, False)
    host.configure(*RULES, rule(9))
    host.start().work()
    assert "fw4" not in host.nft.tables()
    with pytest.raises(OffloadError, match="is stopped"):
        call(host.service, "reload")
    reply = call(host.service, "start")
    assert (reply["ok"], reply["stopped"], reply["loaded"]) == (True, False, True)


def test_a_stop_ends_the_trouble_of_a_load_that_was_refused() -> None:
    host = firewall_router()
    host.service.work()
    host.configure(*RULES, rule(9))
    host.nft.bad = ("chain input_lan",)
    host.service.work()
    assert host.service.trouble
    reply = call(host.service, "stop")
    assert (reply["ok"], reply["stopped"], reply.get("error", "")) == (True, True, "")
    host.service.work()
    assert not host.service.trouble


def test_a_start_that_was_asked_for_loads_all_of_it() -> None:
    host = firewall_router()
    host.service.work()
    for action in ("restart", "start"):
        assert call(host.service, action)["changes"] == 1
        assert "flush table inet fw4" in host.nft.sent[-1]
    assert call(host.service, "")["changes"] == 0


@pytest.mark.parametrize("again", [False, True], ids=["same service", "after a restart"])
def test_a_reload_loads_nothing_where_nothing_changed(again: bool) -> None:
    host = firewall_router()
    host.files.texts["/etc/nftables.d/10-own.nft"] = "chain own { }"
    host.service.work()
    if again:
        host.start().work()
    sent = list(host.nft.sent)
    reply = call(host.service, "reload")
    assert (reply["ok"], reply["changes"], host.nft.sent) == (True, 0, sent)
    assert host.service.applied.returned == ()


def test_a_reload_sends_what_changed_alone() -> None:
    host = firewall_router()
    host.service.work()
    host.configure(*RULES, rule(9))
    assert call(host.service, "reload")["changes"] == 1
    assert "Rule 9" in host.nft.sent[-1] and "flush table inet fw4" not in host.nft.sent[-1]
    assert call(host.service, "reload")["changes"] == 0


@pytest.mark.parametrize("text", ["chain own { counter }", 'include "/etc/other.nft"', None])
def test_a_reload_loads_all_where_an_included_file_changed_or_may_have(text: str | None) -> None:
    host = firewall_router()
    host.files.texts["/etc/nftables.d/10-own.nft"] = "chain own { }"
    host.service.work()
    host.files.texts["/etc/nftables.d/10-own.nft"] = text  # type: ignore[assignment] # None: it cannot be read
    assert call(host.service, "reload")["changes"] == 1
    assert "flush table inet fw4" in host.nft.sent[-1]


def test_a_reload_loads_all_where_others_have_rules_in_the_table() -> None:
    host = firewall_router()
    host.service.work()
    host.nft.rules["fw4"] |= {OTHERS}
    assert call(host.service, "reload")["changes"] == 1
    assert OTHERS not in host.nft.rules["fw4"]
    assert call(host.service, "reload")["changes"] == 0


def test_a_limit_in_a_file_that_the_firewall_includes_counts_at_once() -> None:
    host = firewall_router()
    host.service.work()
    chain = LiveChain("inet", "fw4", "user_limits", "forward", 5)
    limit = LiveRule("inet", "fw4", "user_limits", ("limit", "drop"), match=RuleMatch(iif="br-lan"))
    host.nft.included = ((chain,), (limit,))
    host.files.texts["/etc/nftables.d/10-limits.nft"] = "chain user_limits { }"
    assert call(host.service, "reload")["ok"]
    assert [each["code"] for each in check(host.service, {})["findings"]] == ["RULE_LIMITS"]
    assert host.service.decided is not None and not host.service.decided.plan.tables  # its only fast pair is lan's
    assert host.nft.sent[-1].startswith("table inet flow_offload\ndelete table inet flow_offload\n")


def test_without_the_package_nothing_is_ours() -> None:
    fakes = router()
    fakes.service.work()
    with pytest.raises(OffloadError, match="offload-firewall is not installed"):
        call(fakes.service, "reload")


def test_the_ruleset_for_the_next_start_follows_the_configuration_alone() -> None:
    host = firewall_router(*RULES, rule(10, src_ip="lan"))
    host.service.work()
    written = host.boot.content
    assert written is not None and written.startswith(b"# configuration 0\n# offload ")
    assert next(line for line in written.splitlines() if not line.startswith(b"#")) == b"table inet fw4"
    assert b"flowtable" not in written and b"ct helper" not in written
    leased = [each | {"ipv4-address": [{"address": "10.0.0.1", "mask": 24}]} for each in REPLY["interface"]]
    host.fakes.bus.replies[DUMP] = {"interface": leased}
    host.service.work()
    assert "saddr 10.0.0.0/24" in host.nft.sent[-1] and host.boot.content == written
    host.files.hash = "1"
    assert call(host.service, "reload")["ok"]
    assert host.boot.content is not None and b"saddr 10.0.0.0/24" in host.boot.content


def test_the_ruleset_for_the_next_start_follows_a_configuration_that_changed_during_a_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The file has the new hash then, and the old rules."""
    host = firewall_router(rule(1))
    host.service.work()
    host.configure(rule(2))
    apply = PickyNft.apply

    def meanwhile(nft: PickyNft, text: str) -> None:
        apply(nft, text)
        host.configure(rule(3))
        host.files.hash = "3"

    with monkeypatch.context() as patch:
        patch.setattr(PickyNft, "apply", meanwhile)
        host.service.work()
    assert host.boot.content is not None and b"Rule 2" in host.boot.content
    host.service.work()
    assert b"Rule 3" in host.boot.content


def test_the_ruleset_for_the_next_start_includes_the_files_that_nft_takes() -> None:
    good, bad = "/usr/share/nftables.d/table-post/good.nft", "/etc/bad.nft"
    include = section("firewall", "include", "i", type="nftables", path=bad, position="ruleset-post")
    host = firewall_router(*RULES, include)
    host.files.texts |= {good: "", bad: ""}
    host.files.packages = (("table-post", "", good),)
    host.service.work()
    assert host.boot.content is not None
    lines = host.boot.content.decode().splitlines()
    assert len(lines[1].partition(" files: ")[2].split()) == 2
    assert f'\tinclude "{good}"' in lines and f'include "{bad}"' in lines
    assert '\tinclude "/etc/nftables.d/*.nft"' in lines
    host.nft.bad = (bad,)
    assert call(host.service, "restart")["ok"]
    lines = host.boot.content.decode().splitlines()
    assert len(lines[1].partition(" files: ")[2].split()) == 1
    assert f'include "{bad}"' not in lines and f'\tinclude "{good}"' in lines


@pytest.mark.parametrize(
    ("name", "included"),
    [
        ("B\udcfcro.nft", b"B\xfcro.nft"),  # a name that is not UTF-8, as Python has it; nft and firewall4 read bytes
        ("B\u00fcro 1.nft", "B\u00fcro 1.nft".encode()),
        ('a"b.nft', b"a?b.nft"),
        ("a\nflush ruleset\n.nft", b"a?flush ruleset?.nft"),
    ],
)
def test_a_file_of_a_package_is_included_by_any_name(name: str, included: bytes) -> None:
    host, path = firewall_router(), f"/usr/share/nftables.d/table-post/{name}"
    host.files.texts |= {path: "", "/etc/nftables.d/gr\udcfcn.nft": ""}
    host.files.packages = (("table-post", "", path),)
    assert host.service.work().loaded and host.boot.content is not None
    include = b'\n\tinclude "/usr/share/nftables.d/table-post/' + included + b'"\n'
    assert include in host.boot.content and include in as_bytes(host.nft.sent[-1])
    assert b"\nflush ruleset" not in host.boot.content and host.boot.content.splitlines()[1].isascii()
    assert call(host.service, "reload")["ok"]
    assert (len(host.nft.sent) == 1) is (b"?" not in included)  # a pattern may match files that were not read


def test_the_ruleset_for_the_next_start_knows_tunnels_that_came_later_and_keeps_them() -> None:
    """Without the tunnel's device the zone wan would cover nothing at the next start, and the defaults decide alone."""
    host = firewall_router()
    down = {"interface": "wan", "up": False, "proto": "pppoe", "device": "wan"}
    others = [each for each in REPLY["interface"] if each["interface"] != "wan"]
    host.fakes.bus.replies[DUMP] = {"interface": [*others, down]}
    host.service.work()
    assert host.boot.content is not None and b"pppoe-wan" not in host.boot.content
    host.fakes.bus.replies[DUMP] = {"interface": [*others, down | {"up": True, "l3_device": "pppoe-wan"}]}
    host.service.work()
    written = host.boot.content
    assert b'"pppoe-wan"' in written
    host.fakes.bus.replies[DUMP] = {"interface": [*others, down]}
    host.service.work()
    assert host.boot.content == written
    host.start()  # a service that has never seen the tunnel
    host.files.hash = "1"
    host.configure(*RULES)
    host.service.work()
    assert b'"pppoe-wan"' in host.boot.content and host.boot.content.startswith(b"# configuration 1\n")


@pytest.mark.parametrize("down_between", [False, True])
def test_the_ruleset_for_the_next_start_forgets_the_tunnel_of_another_protocol(down_between: bool) -> None:
    """Else no zone would have the packets of the wan's device at the next start, and the defaults decide alone."""
    host = firewall_router()
    others = [each for each in REPLY["interface"] if each["interface"] != "wan"]

    def wan(proto: str, device: str = "") -> None:
        found = {"interface": "wan", "up": bool(device), "proto": proto, "device": "eth1"}
        host.fakes.bus.replies[DUMP] = {"interface": [*others, found | ({"l3_device": device} if device else {})]}
        assert host.service.work().error == ""

    wan("pppoe", "pppoe-wan")
    if down_between:  # the live ruleset has the device eth1 from here on
        wan("pppoe")
        assert b'"pppoe-wan"' in (host.boot.content or b"")
    host.files.hash = "1"
    wan("dhcp", "eth1")
    assert b'"eth1"' in (host.boot.content or b"") and b'"pppoe-wan"' not in (host.boot.content or b"")


@pytest.mark.parametrize(("device", "kept"), [("pppoe-wan", True), ('x" } ; flush ruleset #', False)])
def test_the_ruleset_for_the_next_start_has_only_devices_that_nft_text_can_have(device: str, *, kept: bool) -> None:
    host = firewall_router()
    down = {"interface": "wan", "up": False, "proto": "pppoe", "device": "eth1"}
    others = [each for each in REPLY["interface"] if each["interface"] != "wan"]
    host.fakes.bus.replies[DUMP] = {"interface": [*others, down]}
    host.loaded.content = json.dumps({"networks": {"wan": [device, "eth1", "pppoe"]}}).encode()
    host.service.work()
    assert host.boot.content is not None and (device.encode() in host.boot.content) is kept


@pytest.mark.parametrize("fault", [NftFault.SILENT, NftFault.FAILED, NftFault.NO_PROGRAM, NftFault.NOT_PERMITTED])
def test_an_nft_that_failed_once_is_asked_again(fault: NftFault) -> None:
    host = firewall_router()
    host.service.work()
    host.configure(*RULES, rule(9))
    host.nft.bad, host.nft.fault = ("table inet fw4",), fault
    host.service.work()
    assert host.service.trouble.startswith("the firewall is as it was before")
    host.nft.bad = ()
    host.service.work()
    assert host.service.trouble == ""
    assert "Rule 9" in host.nft.sent[-1]


def test_a_ruleset_for_the_next_start_that_cannot_be_read_is_written_anew() -> None:
    """Files of ours that are larger than 1 MiB are not read: a configuration with long ipsets makes one."""

    class Large(FakePrivateFile):
        def read(self) -> bytes | None:
            raise FileError("it is larger than 1 MB")

    host = firewall_router()
    host.boot = Large(b"# configuration 1\n")
    host.start().work()
    assert host.service.trouble == ""
    assert host.boot.content is not None and host.boot.content.startswith(b"# configuration 0\n")


def test_a_full_memory_file_system_costs_no_load_and_is_no_failure_of_it() -> None:
    """With an `error` the command would have exit code 1, and would not run the firewall's include scripts."""
    host = firewall_router()
    host.loaded.refusal = host.boot.refusal = (
        "/var/run/offload/firewall.json cannot be written: No space left on device"
    )
    for action in ("restart", "reload", "update"):
        reply = call(host.service, action)
        assert reply["ok"] and "error" not in reply and "fw4" in host.nft.tables()
        assert "its next start will not know it: /var/run/offload" in str(reply["problems"])
        assert "its next start will not know it: /var/run/offload" in host.service.trouble
    host.loaded.refusal = host.boot.refusal = ""
    assert call(host.service, "restart")["problems"] == [] and host.service.trouble == ""


@pytest.mark.parametrize("full", ["loaded", "boot"])
def test_files_for_the_next_start_are_written_by_a_later_pass_once_there_is_space(full: str) -> None:
    host = firewall_router()
    getattr(host, full).refusal = "No space left on device"
    host.service.work()
    host.files.loaded = frozenset({"nf_tables"})  # other inputs, the same ruleset
    for _ in range(2):
        host.service.work()
        assert host.service.trouble.endswith("its next start will not know it: No space left on device")
    getattr(host, full).refusal = ""
    sent = len(host.nft.sent)
    host.service.work()
    assert (host.service.trouble, len(host.nft.sent)) == ("", sent)
    assert host.loaded.content and host.boot.content
    assert b"Rule 8" in host.boot.content


def test_a_ruleset_that_is_written_late_has_the_configuration_that_it_comes_from() -> None:
    """With the hash of a configuration that nft refused the boot would not say that it loads an older one."""
    host = firewall_router()
    host.boot.refusal = "No space left on device"
    host.service.work()
    host.configure(*RULES, rule(9))
    host.files.hash, host.nft.bad = "1", ("chain input_lan",)
    host.service.work()
    host.boot.refusal = ""
    host.service.work()
    assert host.boot.content is not None and host.boot.content.startswith(b"# configuration 0\n")
    assert b"Rule 8" in host.boot.content and b"Rule 9" not in host.boot.content
    assert host.service.trouble == "the firewall is as it was before: syntax error, unexpected word"


def test_a_stop_ends_what_could_not_be_written() -> None:
    host = firewall_router()
    host.boot.refusal = "No space left on device"
    host.service.work()
    assert call(host.service, "stop")["problems"] == []
    host.boot.refusal = ""
    host.service.work()
    assert host.boot.content is None and host.service.trouble == ""


def test_rules_that_could_not_be_listed_once_are_no_trouble_of_later_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    host = firewall_router()
    host.service.work()
    host.configure(*RULES, rule(9))
    host.nft.bad = ("chain input_lan",)
    host.service.work()
    refused = host.service.trouble

    def silent(_self: object, _table: str) -> frozenset[tuple[str, int]]:
        raise NftError("nft does not answer", NftFault.SILENT)

    with monkeypatch.context() as patch:
        patch.setattr(type(host.nft), "handles", silent)
        host.service.work()
        assert host.service.trouble == "nft does not answer"
    host.service.work()
    assert host.service.trouble == refused  # nft would refuse it again
    host.configure(*RULES)
    host.service.work()
    assert host.service.trouble == ""
    with monkeypatch.context() as patch:
        patch.setattr(type(host.nft), "handles", silent)
        host.service.work()
    host.service.work()
    assert host.service.trouble == ""


def test_the_ruleset_for_the_next_start_follows_what_nft_refuses_in_a_folder() -> None:
    """The files of /etc/nftables.d have no word of their own in the heading: one pattern includes them."""
    good, bad, later = (f"/etc/nftables.d/{name}.nft" for name in ("a", "b", "c"))
    host = firewall_router()
    host.files.texts |= {good: "", bad: "1"}
    host.service.work()
    contents = [host.boot.content]

    def reloaded(*refused: str) -> list[str]:
        host.nft.bad, host.nft.path = refused, bad
        assert call(host.service, "restart")["ok"] and host.boot.content not in contents
        contents.append(host.boot.content)
        return [line.strip() for line in (host.boot.content or b"").decode().splitlines() if "include" in line]

    assert reloaded('include "/etc/nftables.d/*.nft"') == [f'include "{good}"']
    host.files.texts[later] = ""
    assert reloaded('include "/etc/nftables.d/*.nft"') == [f'include "{good}"', f'include "{later}"']
    contents.pop(0)  # it comes back
    assert reloaded() == ['include "/etc/nftables.d/*.nft"']
    host.nft.bad, host.nft.path = ("Rule 3",), "/dev/stdin"
    assert call(host.service, "restart")["ok"]
    assert host.boot.content not in contents and b"Rule 3" not in (host.boot.content or b"")
