"""Packs the guest's root file system: a small ext2 image with Python, the programs tests call, and this repository.

virtme-ng can give the guest the host's own root instead, but over 9p, where each open, stat and page is a round trip,
and with udev, which loads every driver it knows. Measured without KVM: 24 to 90 s to the first command instead of 7,
and 27 s for `import pytest` instead of 3.
"""

import compileall
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from kernel.guest import REPOSITORY, interpreter

SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = [
    *("bash", "bridge", "busybox", "conntrack", "ethtool", "ip", "iperf3", "modprobe", "mount", "nft", "sysctl"),
    *("hostapd", "iw", "pppd", "pppoe", "pppoe-server", "tc", "tcpdump", "wg"),
]
PLUGINS = sorted(Path("/usr/lib/pppd").glob("*/*pppoe.so"))  # pppd opens them by name, so no program asks for them
CONFIG = ["/etc/group", "/etc/ld.so.cache", "/etc/passwd", "/etc/protocols", "/etc/services"]
DIRECTORIES = [
    *("dev", "etc/config", "home", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var"),
    *("usr/bin", "usr/lib", "usr/lib64", "usr/sbin"),
]
NOT_NEEDED = shutil.ignore_patterns(
    *("ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tests", "tkinter", "turtledemo", "config-3*"),
    *("mypy", "mypyc", "pip", "pkg_resources", "playwright", "ruff", "setuptools", "virtme", "virtme_ng"),
    *("*__mypyc*", "*.opt-?.pyc"),
)

# virtme-ng's init calls udev to name the serial ports it talks through. Nothing else here needs udev.
UDEV = """#!/bin/sh
mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
    ln -sf ../${port##*/} /dev/virtio-ports/$(cat $port/name)
done
"""


def pack(folder: Path, results: Path, engine: Path, script: str) -> Path:
    """Make the image in `folder`; `results` will be shared with the host.

    `script` is the guest's /command.sh, `engine` its /engine.ko.
    """
    root = folder / "root"
    _frame(root, results)
    (root / "command.sh").write_text(script)  # on the kernel's command line, 2048 characters would be all
    shutil.copy2(engine, root / "engine.ko")
    programs = [_program(name) for name in PROGRAMS]
    _copy(root, [*programs, *PLUGINS, interpreter(), *map(Path, CONFIG)])
    _copy_python(root)
    _copy(root, _libraries([*programs, interpreter(), *root.rglob("*.so")]))
    return _image(root)


def _frame(root: Path, results: Path) -> None:
    """Make the directories, Debian's links into /usr, busybox for everything small, and what stands for udev."""
    for directory in (*DIRECTORIES, str(results)[1:]):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for directory in ("bin", "lib", "lib64", "sbin"):
        (root / directory).symlink_to(f"usr/{directory}")
    (root / "var/run").symlink_to("/run")
    (root / "etc/fstab").touch()
    (root / "usr/bin/python3").symlink_to(interpreter())
    for name in subprocess.check_output(["busybox", "--list"], text=True).split():
        if name not in PROGRAMS:
            (root / "usr/bin" / name).symlink_to("busybox")
    for path, text in (("usr/lib/systemd/systemd-udevd", UDEV), ("usr/bin/udevadm", "#!/bin/sh\n")):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(0o755)


def _program(name: str) -> Path:
    found = shutil.which(name, path=SEARCH)
    if not found:
        raise SystemExit(f"{name} is missing: run `make setup`")
    return Path(found)


def _copy(root: Path, files: Iterable[Path]) -> None:
    for file in files:
        if file.exists():
            target = root / file.parent.resolve().relative_to("/") / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)


def _copy_python(root: Path) -> None:
    """The standard library, the installed packages and the repository, under the paths they have here, compiled."""
    libraries = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
    for folder in libraries:
        shutil.copytree(folder, root / folder.relative_to("/"), ignore=NOT_NEEDED, dirs_exist_ok=True)
    for name in ("docs", "files", "luci-app-offload", "src", "tests"):
        folder = REPOSITORY / name
        shutil.copytree(
            folder, root / folder.relative_to("/"), symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("README.md", "pyproject.toml"):
        shutil.copy2(REPOSITORY / name, root / REPOSITORY.relative_to("/"))
    for folder in (*libraries, REPOSITORY):
        compileall.compile_dir(root / folder.relative_to("/"), stripdir=str(root), prependdir="/", quiet=2)
    prepare = "from offload.nft.text import prepare_templates as prepare; raise SystemExit(not prepare())"
    path = os.environ | {"PYTHONPATH": f"{root}{REPOSITORY}/src"}
    subprocess.run([sys.executable, "-c", prepare], env=path, check=True)


def _libraries(files: Iterable[Path]) -> list[Path]:
    """Everything the dynamic loader would bring in for `files`."""
    listing = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False).stdout
    return sorted({Path(path) for path in re.findall(r"(/\S+) \(0x", listing)})


def _image(root: Path) -> Path:
    image = root.with_suffix(".ext2")
    size = sum(path.lstat().st_size + 4096 for path in root.rglob("*"))
    with image.open("wb") as file:
        file.truncate(size * 5 // 4 + (16 << 20))
    mke2fs = shutil.which("mke2fs", path=SEARCH) or "mke2fs"
    subprocess.run([mke2fs, "-q", "-F", "-t", "ext2", "-m", "0", "-d", str(root), str(image)], check=True)
    shutil.rmtree(root)
    return image
