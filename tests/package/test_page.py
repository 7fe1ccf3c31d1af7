"""The package of the LuCI page: what luci.mk would make of its Makefile."""

import io
import json
import re
import tarfile
from pathlib import Path

from package.ipk import pack
from package.recipes import recipe_of

from offload import __version__
from offload.service.bus.ubus_object import METHODS
from package.router import REPOSITORY

APP = REPOSITORY / "luci-app-offload"
RESOURCES = "www/luci-static/resources"


def parts(package: Path) -> dict[str, dict[str, bytes]]:
    """The files of a package, by part."""
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(package) as outer:
        for part in ("control.tar.gz", "data.tar.gz"):
            file = outer.extractfile(f"./{part}")
            assert file is not None
            with tarfile.open(fileobj=io.BytesIO(file.read())) as inner:
                files = {member.name.removeprefix("./"): inner.extractfile(member) for member in inner}
                found[part] = {name: each.read() for name, each in files.items() if each}
    return found


def test_it_holds_the_page_its_menu_and_its_rights(tmp_path: Path) -> None:
    package = pack(recipe_of(APP), tmp_path)
    assert package.name == f"luci-app-offload_{__version__}-r1_all.ipk"
    data = parts(package)["data.tar.gz"]
    assert {f"{RESOURCES}/view/offload/{view}.js" for view in ("zones", "live")} <= data.keys()
    assert f"{RESOURCES}/offload/offload.css" in data
    assert f"{RESOURCES}/view/status/include/35_offload.js" in data  # the overview takes whatever lies in this folder
    assert not [name for name in data if name.endswith((".po", ".pot"))]
    menu = json.loads(data["usr/share/luci/menu.d/luci-app-offload.json"])
    views = [node["action"]["path"] for node in menu.values() if node["action"]["type"] == "view"]
    assert {f"{RESOURCES}/view/{view}.js" for view in views} <= data.keys()


def test_it_names_what_it_needs_and_has_menu_and_rights_read_anew(tmp_path: Path) -> None:
    control = parts(pack(recipe_of(APP), tmp_path))["control.tar.gz"]
    fields = dict(re.findall(r"^(\S+): (.*)$", control["control"].decode(), re.MULTILINE))
    assert (fields["Depends"], fields["Architecture"]) == ("luci-base, offload", "all")
    assert "  " not in fields["Description"] and "\t" not in fields["Description"]
    assert b"rpcd reload" in control["postinst-pkg"] and b"luci-indexcache" in control["postinst-pkg"]
    assert "conffiles" not in control


def test_the_rights_name_every_method_and_a_reader_changes_nothing() -> None:
    rights = json.loads((APP / "root/usr/share/rpcd/acl.d/luci-app-offload.json").read_text())["luci-app-offload"]
    read, write = (set(rights[group]["ubus"]["luci.offload"]) for group in ("read", "write"))
    assert not read & write
    assert read | write <= METHODS.keys()
    bus = (APP / "htdocs/luci-static/resources/offload/bus.js").read_text()
    assert set(re.findall(r"declare\('(\w+)'", bus)) <= read | write
    assert read == {"status", "totals", "zones", "check", "flows", "explain", "preview"}
    # the page neither stops the firewall nor reads metrics, and has the timed exempts of status
    assert write == METHODS.keys() - read - {"firewall", "metrics", "exempt_list"}


def test_no_right_reaches_beyond_offload() -> None:
    rights = json.loads((APP / "root/usr/share/rpcd/acl.d/luci-app-offload.json").read_text())["luci-app-offload"]
    assert rights["write"]["uci"] == ["offload"]  # who may write firewall's can have root run a script of theirs
    assert rights["write"]["file"] == {"/etc/init.d/offload start": ["exec"]}
    assert rights["read"]["file"] == {"/sbin/logread -e offload": ["exec"]}
    assert rights["write"]["ubus"].keys() == {"luci.offload"}
