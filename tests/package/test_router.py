"""The package on a router without flowtables: installed, chosen, upgraded and removed. Nothing is left behind."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from package.ipk import pack
from package.recipes import recipe_of

from offload import __version__
from package.router import INFO, REPOSITORY, Router, furnish, running

LIBRARY = "usr/lib/offload/"
SHIPPED = (REPOSITORY / "files/etc/config/offload").read_bytes()
SERVICE = 'ubus call service list \'{"name": "offload"}\''


@pytest.fixture(name="package", scope="module")
def _package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(recipe_of(REPOSITORY / "package" / "offload"), tmp_path_factory.mktemp("packages"))


@pytest.fixture(name="router", scope="module")
def _router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    root = tmp_path_factory.mktemp("router")
    furnish(root)
    with running(root) as router:
        yield router


@pytest.fixture(name="bare", autouse=True)
def _bare(router: Router) -> Iterator[dict[str, str]]:
    """Every test begins and ends with the router as it was."""
    before = router.files()
    firewall = (router.root / "etc/config/firewall").read_bytes()
    yield before
    if router.holds("offload"):
        router.remove("offload")
    assert router.files() == before
    (router.root / "etc/config/firewall").write_bytes(firewall)


def test_what_is_installed(router: Router, package: Path, bare: dict[str, str], request: pytest.FixtureRequest) -> None:
    router.install(package)
    came = {path: mode for path, mode in router.files().items() if bare.get(path) != mode}
    assert {"etc/rc.d/S21offload", "etc/rc.d/K89offload"} < came.keys()
    golden = Path(__file__).parent / "installed.txt"
    ours = {path for path in came if path.startswith(LIBRARY)}
    source = REPOSITORY / "src"
    wanted = {file.relative_to(source) for ending in ("py", "j2") for file in source.rglob(f"*.{ending}")}
    assert {Path(path.removeprefix(LIBRARY)) for path in ours if "__pycache__" not in path} == wanted
    text = "".join(f"{mode} {path}\n" for path, mode in came.items() if path not in ours)
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_the_feeds_ci_finds_the_version_of_the_makefile(router: Router, package: Path) -> None:
    router.install(package)
    shutil.copy(REPOSITORY / "package/offload/test.sh", router.root / "tmp")
    assert router.run(f"sh /tmp/test.sh offload {__version__}") == f"offload {__version__}\n"
    router.run("sh /tmp/test.sh offload 99.9", status=1)
    router.run("sh /tmp/test.sh another 99.9; rm /tmp/test.sh")


def test_it_starts_and_reports_what_is_missing(router: Router, package: Path) -> None:
    router.install(package)
    router.until("ubus list offload")
    assert "install kmod-nft-offload" in router.run("ubus call offload status")
    router.run("offload check", status=4)
    assert "nothing takes effect" in router.run("offload set lan software", status=4)
    assert router.run("nft list tables") == ""  # and nothing is done
    router.run("/etc/init.d/offload enabled && /etc/init.d/offload running")


def test_the_init_script_names_what_the_service_does(router: Router, package: Path) -> None:
    router.install(package)
    router.until("ubus list offload")
    lines = router.run("/etc/init.d/offload status").splitlines()
    assert lines[0] == "running"
    assert lines[1:] == router.run("offload").splitlines() != []
    router.run("/etc/init.d/offload stop")
    assert router.run("/etc/init.d/offload status", status=3) == "inactive\n"
    router.run("/etc/init.d/offload start")


def test_bytecode_is_made_once_and_used(router: Router, package: Path) -> None:
    router.install(package)
    made = router.run("python3 -v /usr/bin/offload --version 2>&1 | grep -c 'matches /usr/lib/offload/'")
    assert int(made) > 0
    endings = [Path(path).suffix for path in router.files() if path.startswith(LIBRARY)]
    assert endings.count(".pyc") == endings.count(".py") + endings.count(".j2")


def test_without_bytecode_it_works_as_well(router: Router, package: Path) -> None:
    router.install(package)
    router.run("find /usr/lib/offload -name '*.pyc' -exec rm {} +")
    assert router.run("offload --version").startswith("offload ")


@pytest.mark.parametrize(
    ("spoiled", "command"),
    [
        (
            "another Python's, under the name it has here",
            "printf '\\000\\000\\r\\n' | dd of=$file conv=notrunc 2>/dev/null",
        ),
        ("another version's of ours", "printf '\\000\\000' | dd of=$file bs=1 seek=8 conv=notrunc 2>/dev/null"),
        ("of a write that a power cut ended before it began", ": >$file"),
    ],
)
def test_no_bytecode_keeps_the_service_from_starting(router: Router, package: Path, spoiled: str, command: str) -> None:
    router.install(package)
    router.until("ubus list offload")
    router.run(f"for file in $(find /usr/lib/offload -name '*.pyc'); do {command}; done")
    used = "python3 -v /usr/bin/offload --version 2>&1 | grep -c 'code object from /usr/lib/offload/'"
    assert int(router.run(used)) > 0, spoiled  # from the source, that is: Python did not believe the bytecode
    router.run("/etc/init.d/offload restart")
    router.until("ubus list offload")
    router.run("offload zones")


def test_fw4s_switch_is_taken_over_and_given_back(router: Router, package: Path) -> None:
    router.run("nft add table inet fw4; rm -f /tmp/log")
    router.install(package)
    assert router.run("grep -c 'firewall reload' /tmp/log; nft delete table inet fw4") == "1\n"
    assert "flow_offloading '0'" in router.run("cat /etc/config/firewall")
    assert "mode 'software'" in router.run("cat /etc/config/offload")
    router.run(f". /{INFO}/offload.prerm-pkg")
    # To the byte: then opkg sees that its file was not changed, and removes it.
    assert (router.root / "etc/config/offload").read_bytes() == SHIPPED
    router.remove("offload")
    assert "flow_offloading '1'" in router.run("cat /etc/config/firewall")
    assert router.run("grep -c 'firewall reload' /tmp/log") == "2\n"


def test_a_switch_that_was_never_on_stays_off(router: Router, package: Path) -> None:
    router.run("sed -i /flow_offloading/d /etc/config/firewall")
    before = router.run("md5sum /etc/config/firewall")
    router.install(package)
    assert "mode 'none'\n\toption taken 'none'" in router.run("cat /etc/config/offload")
    router.run(f". /{INFO}/offload.prerm-pkg")
    assert (router.root / "etc/config/offload").read_bytes() == SHIPPED
    router.remove("offload")
    assert router.run("md5sum /etc/config/firewall") == before


def test_an_upgrade_keeps_the_users_files_and_runs_the_new_version(router: Router, package: Path) -> None:
    router.install(package)
    router.until("ubus list offload")
    first = router.run(SERVICE)
    # Meanwhile the user has turned to fw4's own switch: an upgrade must not turn it again.
    router.run("sed -i \"s/flow_offloading '0'/flow_offloading '1'/\" /etc/config/firewall")
    router.run("echo '# mine' >>/etc/config/offload")
    config = router.run("md5sum /etc/config/firewall /etc/config/offload")
    router.install(package)
    assert router.run("md5sum /etc/config/firewall /etc/config/offload") == config
    router.until("ubus list offload")
    assert router.run(SERVICE) != first
    assert router.run("ps | grep -c '[o]ffload service'") == "1\n"


def test_stopped_it_clears_up_and_upgraded_it_does_not(router: Router, package: Path) -> None:
    router.install(package)
    router.until("ubus list offload")
    router.run("nft add table inet flow_offload; nft add table inet fw4")  # as if it had been loaded before
    router.install(package)
    router.until("ubus list offload")
    assert "flow_offload" in router.run("nft list tables")
    router.run("/etc/init.d/offload stop")
    router.until("! nft list tables | grep flow_offload")
    assert "fw4" in router.run("nft list tables; nft delete table inet fw4")


def test_a_change_of_the_configuration_reaches_the_service(router: Router, package: Path) -> None:
    router.install(package)
    router.until("ubus list offload")
    router.run("offload set lan none", status=4)
    assert "none" in router.run("offload zones")
    router.run("sed -i s/software/hardware/ /etc/config/offload")
    router.run("""ubus call service event '{"type": "config.change", "data": {"package": "offload"}}'""")
    router.until("offload zones | grep -q hardware")


def test_an_image_is_built_with_it(router: Router, package: Path) -> None:
    """The image builder runs the scripts on its own machine, where nothing may be started or asked."""
    router.install(package)
    router.until("ubus list offload")
    before = router.run(SERVICE)
    for script in ("prerm-pkg", "postinst-pkg"):
        assert router.run(f"IPKG_INSTROOT=/nowhere PKG_UPGRADE=1 sh /{INFO}/offload.{script}") == ""
    assert router.run(SERVICE) == before
