"""Build the user-mode kernels of the tests from Debian's source packages: `python -m kernel.source 6.1 6.12`.

A user-mode kernel (UML) is a program: it boots in a second and needs no KVM and no root. Each is in a directory of the
user's cache whose name has the version of the source package and a hash of configuration, edits and compiler, so all
clones share it. A build holds a lock on the directory. A kernel in the cache is used as it is; only this program asks
apt for a newer source.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from kernel import cache
from kernel.edits import EDITS, edit

CONFIG = Path(__file__).with_name("usermode") / "config"
UML = "ARCH=um"
SERIES = ("6.1", "6.12")  # Debian's stable kernel here, and the one of OpenWrt 25.12

# Large directories with nothing for a kernel of this configuration but their Kconfig files.
SKIPPED = [
    *(f"drivers/{name}" for name in ("gpu", "media", "scsi", "infiniband", "staging", "iio", "usb", "sound", "mfd")),
    *(f"drivers/net/{name}" for name in ("ethernet", "dsa")),
    *("sound", "tools/testing", "tools/perf", "fs/xfs", "fs/btrfs", "samples"),
]
FOREIGN = [
    *("alpha", "arc", "arm", "arm64", "csky", "hexagon", "ia64", "loongarch", "m68k", "microblaze", "mips", "nios2"),
    *("openrisc", "parisc", "powerpc", "riscv", "s390", "sh", "sparc", "xtensa"),
]


@dataclass(frozen=True)
class Built:
    """A user-mode kernel in the cache."""

    folder: Path

    @property
    def program(self) -> Path:
        """The kernel itself."""
        return self.folder / "linux"

    @property
    def tree(self) -> Path:
        """What modules are built against."""
        return self.folder / "tree"

    @property
    def release(self) -> str:
        """As `uname -r` prints it."""
        return (self.tree / "include/config/kernel.release").read_text().strip()

    @property
    def modules(self) -> Path:
        """The directory that is /lib/modules/RELEASE in the machine."""
        return self.folder / "lib/modules" / self.release

    @property
    def complete(self) -> bool:
        """Whether its build came to its end."""
        return (self.folder / "complete").exists()


def kernel(series: str) -> Built:
    """The newest kernel of a series that is in the cache for our configuration; built where there is none."""
    return found(series) or build(series)


def found(series: str) -> Built | None:
    """The newest kernel of a series that is in the cache."""
    ready = [built for built in map(Built, cache.CACHE.glob(f"{series}.*-{_fingerprint(series)}")) if built.complete]
    return max(ready, key=lambda built: (built.folder / "complete").stat().st_mtime, default=None)


def build(series: str) -> Built:
    """The kernel of a series from the newest source that apt knows."""
    package = f"linux-source-{series}"
    version = cache.candidate(package)
    if not version:
        raise SystemExit(f"apt knows no package {package}: run `apt-get update`, or use OFFLOAD_MACHINE=qemu")
    built = Built(cache.CACHE / f"{version}-{_fingerprint(series)}")
    with cache.locked(built.folder):
        if not built.complete:
            began = time.monotonic()
            print(f"kernel: building a user-mode kernel from {package} {version} (a few minutes)", flush=True)
            _unpack(f"{package}={version}", built.folder)
            edit(built.tree, EDITS[series])
            _compile(built)
            print(f"kernel: {built.release} built in {time.monotonic() - began:.0f} s", flush=True)
    return built


def engine(built: Built) -> Path:
    """The emulated hardware as a module for this kernel."""
    return cache.engine(built.folder, built.tree, UML)


def _fingerprint(series: str) -> str:
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, check=False).stdout
    return hashlib.sha256(CONFIG.read_bytes() + compiler + repr(EDITS[series]).encode()).hexdigest()[:12]


def _unpack(package: str, folder: Path) -> None:
    """Fetch the source package, which needs no installation, and unpack what our configuration may need."""
    shutil.rmtree(folder, ignore_errors=True)
    tree = folder / "tree"
    tree.mkdir(parents=True)
    (archive,) = cache.fetch(folder, package)
    name = package.partition("=")[0]
    directories = [*SKIPPED, *(f"arch/{each}" for each in FOREIGN)]
    excluded = [f"*/{directory}/*.{ending}" for directory in directories for ending in ("[chS]", "dts*")]
    options = " ".join(f"--exclude='{pattern}'" for pattern in excluded)
    members = f"dpkg-deb --fsys-tarfile {archive.name} | tar -xO ./usr/src/{name}.tar.xz"
    pipeline = f"{members} | tar -xJ -C tree --strip-components=1 {options}"
    subprocess.run(["bash", "-o", "pipefail", "-c", pipeline], cwd=folder, check=True)
    archive.unlink()


def _compile(built: Built) -> None:
    log = built.folder / "log"
    cache.make(built.tree, log, UML, f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig")
    _compare(built.tree)
    cache.make(built.tree, log, UML, "linux", "modules")
    cache.make(built.tree, log, UML, f"INSTALL_MOD_PATH={built.folder}", "INSTALL_MOD_STRIP=1", "modules_install")
    shutil.move(built.tree / "linux", built.program)
    (built.tree / "vmlinux").unlink()
    for pattern in ("*.[coSa]", "*.ko", ".*.cmd"):
        for file in built.tree.rglob(pattern):
            if "scripts" not in file.relative_to(built.tree).parts[:1]:
                file.unlink()
    (built.folder / "complete").touch()


def _compare(tree: Path) -> None:
    """Fail where this kernel has an option of ours but did not take it, as when something it depends on is off."""
    taken = set((tree / ".config").read_text().splitlines())
    refused = [line for line in CONFIG.read_text().splitlines() if line.startswith("CONFIG_") and line not in taken]
    for line in refused:
        option = line.removeprefix("CONFIG_").partition("=")[0]
        search = ["grep", "-rqx", "--include=Kconfig*", f"config {option}", str(tree)]
        if not subprocess.run(search, check=False).returncode:
            raise SystemExit(f"{CONFIG}: this kernel does not take {line}")


if __name__ == "__main__":
    for each in sys.argv[1:] or SERIES:
        engine(build(each))
