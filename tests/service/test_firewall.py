"""The firewall's part of a pass: when it sends the ruleset, and which changes of other programs it leaves alone."""

import json

import pytest

from offload.errors import FileError, NftFault, OffloadError
from offload.model.cause import Cause
from offload.model.problems.problem import ProblemCode
from offload.service.bus import methods
from offload.service.engine import Engine
from offload.system.files.private_file import FakePrivateFile
from offload.system.netifd import DUMP
from offload.system.netlink.route.messages import Notification
from service.firewalls import OTHERS, RULES, rule, walled
from service.routers import REPLY, router, section


def call(service: Engine, action: str) -> dict[str, object]:
    return methods.firewall(service, {"action": action})


def test_both_are_one_transaction_and_the_next_pass_sends_nothing() -> None:
    walls = walled()
    assert walls.service.work().error == ""
    (text,) = walls.nft.sent
    assert "table inet fw4 {" in text and "table inet flow_offload {" in text
    assert (walls.service.work().changes, len(walls.nft.sent)) == (0, 1)
    walls.configure(*RULES, rule(9))
    applied = walls.service.work()
    assert (applied.changes, applied.returned) == (1, ("flow_offload",))
    assert "flush chain inet fw4 input_lan" in walls.nft.sent[-1] and "table inet flow_offload {" in walls.nft.sent[-1]


def test_check_lists_what_is_wrong_with_its_sections() -> None:
    disabled = section("firewall", "rule", "r2", name="Off", src="lan", target="DROP", enabled="0")
    walls = walled(rule(1, proto="tpc"), disabled)
    walls.service.work()
    found = methods.check(walls.service, {})
    assert found["ok"] is False
    assert {each["code"] for each in found["firewall"]} == {"INVALID_VALUE", "SKIPPED"}
    assert {each["place"] for each in found["firewall"]} == {"Section r1 (Rule 1)"}


def test_rules_of_others_live_on() -> None:
    walls = walled()
    walls.service.work()
    walls.nft.rules["fw4"] |= {OTHERS}
    assert not walls.service.firewall_damaged() and walls.service.work().changes == 0
    walls.configure(*RULES, rule(9))
    walls.service.work()
    assert OTHERS in walls.nft.rules["fw4"]
    walls.nft.rules["fw4"] -= {OTHERS}  # their own removal is no damage
    assert not walls.service.firewall_damaged() and walls.service.work().changes == 0


def test_missing_rules_of_ours_are_mended() -> None:
    walls = walled()
    walls.service.work()
    walls.nft.rules["fw4"] = frozenset(sorted(walls.nft.rules["fw4"])[1:])
    assert walls.service.firewall_damaged()
    assert walls.service.work().changes == 1
    assert not walls.service.firewall_damaged()


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
    walls = walled()
    walls.service.work()
    if damaged:
        walls.nft.rules["fw4"] = frozenset()
    assert walls.service.causes_of_others(notice) == causes


def test_a_restarted_service_finds_its_rules_and_sends_nothing() -> None:
    walls = walled()
    walls.service.work()
    sent = len(walls.nft.sent)
    walls.start().work()
    assert not any("fw4" in text for text in walls.nft.sent[sent:])
    walls.configure(*RULES, rule(9))
    walls.start().work()
    assert "flush table inet fw4" in walls.nft.sent[-1]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"handles": 5}', b'{"handles": [["a", "b"]]}', json.dumps(None).encode()]
)
def test_a_file_of_an_earlier_service_that_cannot_be_read_costs_a_load(content: bytes) -> None:
    walls = walled()
    walls.loaded.content = content
    assert walls.service.work().error == ""
    assert walls.nft.rules["fw4"]


def test_a_configuration_that_cannot_be_read_changes_nothing() -> None:
    walls = walled()
    walls.service.work()
    sent = list(walls.nft.sent)
    walls.fakes.uci.packages["firewall"] = ProblemCode.FILE_SYNTAX.at("firewall", detail="line 3")
    assert "line 3" in walls.service.work().error
    assert walls.nft.sent == sent


def test_what_nft_refuses_altogether_leaves_what_was_loaded_and_offload_goes_on() -> None:
    walls = walled()
    walls.service.work()
    rules = walls.nft.rules["fw4"]
    walls.configure(*RULES, rule(9))
    walls.nft.bad = ("chain input_lan",)
    walls.service.work()
    assert walls.nft.rules["fw4"] == rules
    assert walls.service.trouble == "the firewall is as it was before: syntax error, unexpected word"
    checks = walls.nft.checks
    walls.service.work()  # the same text again would be refused again
    assert walls.nft.checks == checks
    walls.nft.bad = ()
    assert call(walls.service, "reload")["ok"] and walls.service.trouble == ""


def test_a_device_that_is_gone_does_not_keep_the_firewall_from_its_new_rules() -> None:
    walls = walled()
    walls.service.work()
    walls.configure(*RULES, rule(9))
    walls.nft.bad = ("table inet flow_offload",)
    assert walls.service.work().error
    assert "Rule 9" in "".join(walls.nft.sent)


def test_stopped_is_stopped_until_it_is_started() -> None:
    walls = walled()
    walls.service.work()
    reply = call(walls.service, "stop")
    assert (reply["ok"], reply["stopped"], reply["loaded"]) == (True, True, False)
    walls.configure(*RULES, rule(9))
    walls.start().work()
    assert "fw4" not in walls.nft.tables()
    with pytest.raises(OffloadError, match="is stopped"):
        call(walls.service, "reload")
    reply = call(walls.service, "start")
    assert (reply["ok"], reply["stopped"], reply["loaded"]) == (True, False, True)


def test_a_reload_that_was_asked_for_loads_all_of_it() -> None:
    walls = walled()
    walls.service.work()
    for action in ("reload", "restart", "start"):
        assert call(walls.service, action)["changes"] == 1
        assert "flush table inet fw4" in walls.nft.sent[-1]
    assert call(walls.service, "")["changes"] == 0


def test_without_the_package_nothing_is_ours() -> None:
    fakes = router()
    fakes.service.work()
    with pytest.raises(OffloadError, match="offload-firewall is not installed"):
        call(fakes.service, "reload")


def test_the_ruleset_for_the_next_start_follows_the_configuration_alone() -> None:
    walls = walled()
    walls.service.work()
    written = walls.boot.content
    assert written is not None and written.startswith(b"# configuration 0\n# offload ")
    assert written.splitlines()[2] == b"table inet fw4"
    assert b"include" not in written and b"flowtable" not in written and b"ct helper" not in written
    walls.configure(*RULES, rule(9))
    walls.service.work()
    assert walls.boot.content == written  # as if a lease had changed
    walls.files.hash = "1"
    assert call(walls.service, "reload")["ok"]
    assert walls.boot.content is not None and b"Rule 9" in walls.boot.content


def test_the_ruleset_for_the_next_start_knows_tunnels_that_came_later_and_keeps_them() -> None:
    """Without the tunnel's device the zone wan would cover nothing at the next start, and the defaults decide alone."""
    walls = walled()
    down = {"interface": "wan", "up": False, "proto": "pppoe", "device": "wan"}
    others = [each for each in REPLY["interface"] if each["interface"] != "wan"]
    walls.fakes.bus.replies[DUMP] = {"interface": [*others, down]}
    walls.service.work()
    assert walls.boot.content is not None and b"pppoe-wan" not in walls.boot.content
    walls.fakes.bus.replies[DUMP] = {"interface": [*others, down | {"up": True, "l3_device": "pppoe-wan"}]}
    walls.service.work()
    written = walls.boot.content
    assert b'"pppoe-wan"' in written
    walls.fakes.bus.replies[DUMP] = {"interface": [*others, down]}
    walls.configure(*RULES, rule(9))
    walls.service.work()
    assert walls.boot.content == written
    walls.files.hash = "1"
    walls.configure(*RULES)
    walls.service.work()
    assert b'"pppoe-wan"' in walls.boot.content and walls.boot.content.startswith(b"# configuration 1\n")


@pytest.mark.parametrize("fault", [NftFault.SILENT, NftFault.FAILED, NftFault.NO_PROGRAM, NftFault.NOT_PERMITTED])
def test_an_nft_that_failed_once_is_asked_again(fault: NftFault) -> None:
    walls = walled()
    walls.service.work()
    walls.configure(*RULES, rule(9))
    walls.nft.bad, walls.nft.fault = ("table inet fw4",), fault
    walls.service.work()
    assert walls.service.trouble.startswith("the firewall is as it was before")
    walls.nft.bad = ()
    walls.service.work()
    assert walls.service.trouble == ""
    assert "Rule 9" in walls.nft.sent[-1]


def test_a_ruleset_for_the_next_start_that_cannot_be_read_is_written_anew() -> None:
    """Files of ours that are larger than 1 MiB are not read: a configuration with long ipsets makes one."""

    class Large(FakePrivateFile):
        def read(self) -> bytes | None:
            raise FileError("it is larger than 1 MB")

    walls = walled()
    walls.boot = Large(b"# configuration 1\n")
    walls.start().work()
    assert walls.service.trouble == ""
    assert walls.boot.content is not None and walls.boot.content.startswith(b"# configuration 0\n")


def test_a_full_memory_file_system_costs_no_load() -> None:
    walls = walled()
    walls.loaded.refusal = "/var/run/offload/firewall.json cannot be written: No space left on device"
    walls.service.work()
    assert "fw4" in walls.nft.tables()
    assert "its next start will not know it: /var/run/offload" in walls.service.trouble
