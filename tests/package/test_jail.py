"""The parameters of procd's jail in the init script. Each was wrong once, which only a real procd and ujail show."""

import re

import pytest

from package.router import REPOSITORY

SCRIPT = (REPOSITORY / "files/etc/init.d/offload").read_text()


def words(call: str) -> list[str]:
    """The arguments of the script's only call of a function."""
    (found,) = re.findall(rf"^\t{call} (.*?)(?: #.*)?$", SCRIPT, re.MULTILINE)
    return str(found).split()


def test_the_command_is_a_program_and_not_a_script() -> None:
    """Of a script ujail reads the first line into a buffer that it never ends (procd, jail/fs.c)."""
    assert words("procd_set_param command") == ["/usr/bin/python3", "/usr/bin/offload", "service"]


def test_nft_is_found_in_an_environment_that_holds_nothing_else() -> None:
    (path,) = words("procd_set_param env")
    assert "/usr/sbin" in path.removeprefix("PATH=").split(":")


def test_the_next_ubusd_can_be_reached() -> None:
    """The jail's option `ubus` mounts the present socket, and a restarted ubusd makes a new one."""
    assert "ubus" not in words("procd_add_jail")
    assert "/var/run/ubus" in words("procd_add_jail_mount")


@pytest.mark.parametrize("word", ["requirejail", "log"])
def test_what_may_be_missing_does_not_keep_it_from_starting(word: str) -> None:
    """Without ujail it starts unjailed; and a jail with `log` does not start without /dev/log."""
    assert word not in words("procd_add_jail")


def test_a_service_that_has_just_started_is_not_restarted() -> None:
    """A SIGTERM before ujail's process runs is lost, and ujail kills that process 15 s later (procd, jail/jail.c)."""
    makefile = (REPOSITORY / "package/offload-firewall/Makefile").read_text()
    script = makefile.partition("/postinst\n")[2].partition("endef")[0]
    before, restart, _ = script.partition("/etc/init.d/offload restart")
    assert restart and "/etc/init.d/offload running || answers" in before
