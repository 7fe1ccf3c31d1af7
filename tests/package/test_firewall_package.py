"""The package offload-firewall on a running router: installed in place of firewall4, started, stopped and removed."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from package.ipk import pack
from package.recipes import recipe_of

from package.router import REPOSITORY, Router, furnish, running

# Records ip_forward until the table exists.
WATCH = """
while forwarded=$(cat /proc/sys/net/ipv4/ip_forward); ! nft list table inet fw4 >/dev/null 2>&1; do
	echo $forwarded
done >/tmp/forwarded
cat /proc/uptime >/tmp/stands
"""
# Records each moment at which the ruleset is not there or nothing is forwarded, until a file is there.
GAPS = """
while ! [ -e /tmp/enough ]; do
	nft list chain inet fw4 input >/dev/null 2>&1 || echo "no ruleset"
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo "nothing is forwarded"
done >/tmp/gaps
"""
FORWARDING = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"
HOTPLUG = "INTERFACE=lan DEVICE=br-lan sh /etc/hotplug.d/iface/20-firewall"


@pytest.fixture(name="packages", scope="module")
def _packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    target = tmp_path_factory.mktemp("packages")
    one, other = (pack(recipe_of(REPOSITORY / "package" / name), target) for name in ("offload", "offload-firewall"))
    return one, other


@pytest.fixture(name="router")
def _router(tmp_path: Path, packages: tuple[Path, Path]) -> Iterator[Router]:
    """A router with `offload`, from which firewall4 was just removed: no table, packets are forwarded."""
    root = tmp_path / "router"
    furnish(root)
    (root / "etc/init.d/firewall").unlink()
    with running(root) as router:
        router.run("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
        router.install(packages[0])
        router.until("ubus list offload")
        yield router


def test_a_live_router_gets_its_firewall(router: Router, packages: tuple[Path, Path]) -> None:
    router.run(f"({WATCH}) &")
    begun = float(router.run("cat /proc/uptime").split()[0])
    router.install(packages[1])
    stands = float(router.run("cat /tmp/stands").split()[0])
    assert stands - begun < 1  # second with an open input
    assert router.run("uniq /tmp/forwarded").split() in (["1", "0"], ["0"])  # off, and never on again before
    assert router.run(FORWARDING).split() == ["1", "1"]
    router.until("nft list chain inet fw4 input_wan")
    assert router.run("/etc/init.d/firewall status") == "active with no instances\n"
    assert router.run("/etc/init.d/firewall enabled && fw3 -q network lan") == "lan\n"
    assert router.run("head -c 15 /etc/offload/firewall.nft") == "# configuration"


def test_what_scripts_ask_and_get(router: Router, packages: tuple[Path, Path]) -> None:
    router.install(packages[1])
    router.until("nft list chain inet fw4 input_wan")
    router.run("fw4 -q reload && fw4 -q restart && fw4 reload-sets && fw4 -q update")
    router.run("fw4 -q start", status=1)
    assert "lan" in router.run("fw4 -q zone lan; fw4 -q network lan")
    router.run("fw4 -q network none", status=1)
    router.run("fw4 -q zone none", status=1)
    assert router.run("fw4 print | grep -c 'table inet fw4 {'") == "1\n"
    router.run("nft add rule inet fw4 input_wan tcp dport 80 accept")
    for event in ("ACTION=ifup", "ACTION=ifupdate IFUPDATE_ADDRESSES=1", "ACTION=ifdown", "ACTION=ifupdate"):
        router.run(f"{event} {HOTPLUG}")
    router.run("nft list chain inet fw4 input_wan | grep -q 'tcp dport 80 accept'")  # no event loaded it
    router.run("/etc/init.d/firewall reload")
    router.run("nft list chain inet fw4 input_wan | grep 'tcp dport 80 accept'", status=1)


def test_the_script_of_an_include_runs_after_each_load(router: Router, packages: tuple[Path, Path]) -> None:
    router.install(packages[1])
    router.until("nft list chain inet fw4 input_wan")
    router.run("printf 'echo ran >>/tmp/ran\\n' >/etc/own.sh")
    router.run(
        "printf '\\nconfig include\\n\\toption path /etc/own.sh\\n\\toption fw4_compatible 1\\n' >>/etc/config/firewall"
    )
    for command in ("fw4 reload", "/etc/init.d/firewall restart", f"ACTION=ifup {HOTPLUG}"):
        router.run(command)
    assert router.run("cat /tmp/ran") == "ran\n" * 3


def test_stop_is_on_purpose_and_leaves_the_tables_of_others(router: Router, packages: tuple[Path, Path]) -> None:
    router.install(packages[1])
    router.until("nft list chain inet fw4 input_wan")
    router.run("nft add table ip docker")
    assert "every packet to this router" in router.run("/etc/init.d/firewall stop")
    assert router.run("nft list tables") == "table ip docker\n"
    assert router.run("/etc/init.d/firewall status", status=3) == "inactive\n"
    router.run("/etc/init.d/firewall reload", status=1)
    router.run(f"ACTION=ifup {HOTPLUG}", status=1)
    time.sleep(1)  # the service does not load it either
    assert router.run("nft list tables") == "table ip docker\n"
    router.run("/etc/init.d/firewall start")
    router.run("nft list chain inet fw4 input_wan && nft list table ip docker")


def test_stop_flushes_is_fw4s_way(router: Router, packages: tuple[Path, Path]) -> None:
    router.install(packages[1])
    router.until("nft list chain inet fw4 input_wan")
    router.run("nft add table ip docker; echo 'echo 1' >/usr/bin/uci; chmod +x /usr/bin/uci")  # what uci prints
    router.run("/etc/init.d/firewall stop")
    assert router.run("nft list tables") == ""


def test_a_ruleset_that_stands_is_replaced_in_one_transaction(router: Router, packages: tuple[Path, Path]) -> None:
    """That of firewall4, whose init script was emptied before it was removed."""
    router.run("nft 'add table inet fw4; add chain inet fw4 input { type filter hook input priority 0; policy drop; }'")
    router.run("echo start >/var/run/fw4.state")
    router.run(f"({GAPS}) &")
    router.install(packages[1])
    router.until("nft list chain inet fw4 input_wan")
    router.run("touch /tmp/enough")
    assert router.run("cat /tmp/gaps") == ""
    router.run("[ ! -e /var/run/fw4.state ]")  # firewall4 starts again, should it come back


@pytest.mark.parametrize("pkgname", ["", "export pkgname=offload-firewall; "], ids=["opkg", "apk"])
def test_an_upgrade_leaves_the_ruleset_in_the_kernel(router: Router, packages: tuple[Path, Path], pkgname: str) -> None:
    router.install(packages[1])
    router.until("nft list chain inet fw4 input_wan")
    router.run(f"({GAPS}) &")
    if pkgname:
        router.run(f"{pkgname}/etc/init.d/firewall stop; /etc/init.d/firewall start")
    else:
        router.install(packages[1])
    router.run("touch /tmp/enough")
    assert router.run("cat /tmp/gaps") == ""
    assert "every packet to this router" in router.run("/etc/init.d/firewall stop")  # asked by a person


def test_removal_leaves_only_the_ruleset_and_the_configuration(router: Router, packages: tuple[Path, Path]) -> None:
    before = router.files()
    router.install(packages[1])
    router.until("nft list chain inet fw4 input_wan")
    assert "The ruleset stays in the kernel" in router.remove("offload-firewall")
    router.run("nft list chain inet fw4 input_wan")  # no gap before the next firewall
    assert {path for path in router.files() if "__pycache__" not in path} - before.keys() <= {"etc/offload"}
    router.run("[ ! -e /var/run/offload/firewall.stays ]")
