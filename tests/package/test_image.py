"""The package in an image: built in, at the first boot, on a full flash, and after sysupgrade."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from package.ipk import pack
from package.recipes import recipe_of

from package.router import INFO, REPOSITORY, Router, furnish, running, unpack

SCRIPTS = "ls /etc/uci-defaults"
SWITCH = "grep flow_offloading /etc/config/firewall"
MODE = "grep -E '^[^#]*(mode|taken)' /etc/config/offload"


@pytest.fixture(name="package", scope="module")
def _package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(recipe_of(REPOSITORY / "package" / "offload"), tmp_path_factory.mktemp("packages"))


@pytest.fixture(name="image", scope="module")
def _image(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image as the image builder makes it, on a machine with files of its own that must not be changed."""
    builder = tmp_path_factory.mktemp("builder")
    image = builder / "image"
    furnish(builder)
    furnish(image)
    unpack(package, image)
    with running(builder) as machine:
        before = set(machine.files())
        assert machine.run(f"IPKG_INSTROOT=/image sh /image/{INFO}/offload.postinst configure") == ""
        assert set(machine.files()) - before == {f"image/etc/rc.d/{n}offload" for n in ("S21", "K89")}
        assert "offload" not in machine.run("ubus list")
    return image


@pytest.fixture(name="router")
def _router(image: Path) -> Iterator[Router]:
    """A router with the image, booted for the first time; all tests share it."""
    with running(image, flash="size=4m") as router:
        yield router


def test_the_first_boot_does_what_an_installation_does(router: Router) -> None:
    router.run("/etc/init.d/boot")
    router.until("ubus list offload")
    assert router.run(SCRIPTS) == ""
    assert "'0'" in router.run(SWITCH)
    assert router.run(MODE) == "\toption mode 'software'\n\toption taken 'software'\n"
    assert int(router.run("find /usr/lib/offload -name '*.pyc' | wc -l")) > 40
    # The firewall has not started yet: whoever reloaded it here would start it too early.
    assert router.run("[ ! -e /tmp/log ] || grep firewall /tmp/log; true") == ""


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("mount -o remount,ro /", "Read-only file system"),
        ("cat /dev/urandom >/full 2>/dev/null; true", "No space left on device"),
    ],
)
def test_a_flash_that_takes_nothing_costs_choices_but_no_service(router: Router, spoil: str, sentence: str) -> None:
    router.run(spoil)
    config = router.run("md5sum /etc/config/*")
    router.run("/etc/init.d/boot")
    router.until("ubus list offload")
    assert sentence in router.run("offload set lan software", status=1)
    assert '"ok": false' in router.run("""ubus call offload set '{"zone": "lan", "mode": "software"}'""")
    assert sentence in router.run("offload takeover", status=1)
    assert router.run("md5sum /etc/config/*") == config
    # What could not be taken over is tried again when it boots next.
    assert "20-offload-takeover" in router.run(SCRIPTS)


def test_bytecode_cut_short_by_a_full_flash_is_not_left_behind(router: Router) -> None:
    """Python writes what fits, and fails when it reads that (marshal data too short)."""
    for room in (100, 300):
        router.run(f"head -c {4096 - room}k /dev/urandom >/full")
        router.run("sh /etc/uci-defaults/10-offload-bytecode")
        router.run("offload zones")
        assert router.run("find /usr/lib/offload -name '*.pyc'") == ""


def test_sysupgrade_keeps_every_choice_and_takes_nothing_twice(router: Router, image: Path, tmp_path: Path) -> None:
    router.run("/etc/init.d/boot")
    router.until("ubus list offload")
    router.run("offload set lan none", status=4)  # written; this kernel has no flowtables
    # The user wants both: his choices, and fw4's switch.
    router.run("sed -i \"s/flow_offloading '0'/flow_offloading '1'/\" /etc/config/firewall")
    saved = {name: router.run(f"cat /etc/config/{name}") for name in ("firewall", "offload")}

    flashed = tmp_path / "flashed"
    shutil.copytree(image, flashed, symlinks=True, ignore=lambda at, names: names if at == f"{image}/proc" else [])
    for name, text in saved.items():  # restored before anything of it starts
        (flashed / "etc/config" / name).write_text(text)
    with running(flashed) as again:
        again.run("/etc/init.d/boot")
        again.until("ubus list offload")
        assert {name: again.run(f"cat /etc/config/{name}") for name in saved} == saved
        assert again.run(SCRIPTS) == ""


def test_installed_again_after_sysupgrade_it_goes_on_with_what_was_chosen(package: Path, tmp_path: Path) -> None:
    """Sysupgrade to an image without the package keeps the configuration, which the package uses when it is back."""
    root = tmp_path / "root"
    furnish(root)
    chosen = "\nconfig globals 'globals'\n\toption enabled '1'\n\toption mode 'software'\n\toption taken 'software'\n\n"
    (root / "etc/config/offload").write_text(chosen)
    with running(root) as router:
        router.install(package)
        router.until("ubus list offload")
        # Its first pass marks a file of 0.1.0, which has `taken` and no version, as read by the rules of this version.
        router.until("grep version /etc/config/offload")
        assert router.run("cat /etc/config/offload") == f"{chosen[:-1]}\toption version '2'\n\n"
        assert "'1'" in router.run(SWITCH)
