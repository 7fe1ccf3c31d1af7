"""Debian's own kernels for QEMU: `python -m kernel.stock [SERIES...]` unpacks them into the user's cache.

Nothing is installed: /boot and /lib/modules stay as they are, and no root is needed. The kernel headers are unpacked
too, for the emulated hardware.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kernel import cache


@dataclass(frozen=True)
class Stock:
    """A kernel of Debian's in the cache."""

    release: str  # as `uname -r` prints it

    @property
    def folder(self) -> Path:
        """What its packages would have put below /."""
        return cache.CACHE / "stock" / self.release

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self.folder / "boot" / f"vmlinuz-{self.release}"

    @property
    def headers(self) -> Path:
        """What modules are built against."""
        return self.folder / f"usr/src/linux-headers-{self.release}"


def kernel(series: str) -> Stock:
    """The newest kernel of a series, as `6.12`, or without one Debian's stable kernel; fetched where it is missing."""
    stock = Stock(_newest(series) if series else _stable())
    with cache.locked(stock.folder):
        if not (stock.folder / "complete").exists():
            print(f"kernel: unpacking Debian's kernel {stock.release}", flush=True)
            _unpack(stock)
    return stock


def engine(stock: Stock) -> Path:
    """The emulated hardware as a module for this kernel."""
    return cache.engine(stock.folder, stock.headers)


def _stable() -> str:
    for release in _dependencies("linux-image-amd64", r"linux-image-(\d\S*)"):
        return release
    raise SystemExit("apt knows no package linux-image-amd64: run `apt-get update`")


def _newest(series: str) -> str:
    """A plain kernel for PCs: no cloud, no real time. Some 6.12 before .113 free a connection that is still in use."""
    pattern = rf"^linux-image-{re.escape(series)}\.[0-9]+(\.[0-9]+)?(-[0-9]+)?(\+deb[0-9]+)?-amd64$"
    listing = subprocess.run(
        ["apt-cache", "search", "--names-only", pattern], capture_output=True, text=True, check=False
    ).stdout
    releases: list[str] = re.findall(r"^linux-image-(\S+)", listing, re.MULTILINE)
    if not releases:
        raise SystemExit(f"apt knows no kernel {series}: run `apt-get update`")
    return max(releases, key=lambda release: [int(number) for number in re.findall(r"\d+", release)])


def _dependencies(package: str, pattern: str) -> list[str]:
    listing = subprocess.run(["apt-cache", "depends", package], capture_output=True, text=True, check=False).stdout
    return re.findall(rf"Depends: {pattern}", listing)


def _unpack(stock: Stock) -> None:
    folder, release = stock.folder, stock.release
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    headers = f"linux-headers-{release}"
    others = _dependencies(headers, r"(linux-headers-\S+-common|linux-kbuild-\S+)")
    for archive in cache.fetch(folder, f"linux-image-{release}", headers, *others):
        subprocess.run(["dpkg-deb", "-x", archive.name, "."], cwd=folder, check=True)
        archive.unlink()
    makefile = stock.headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{folder}/usr/src/"))
    depmod = shutil.which("depmod", path="/usr/sbin:/sbin") or "depmod"
    subprocess.run([depmod, "-b", str(folder), release], check=True)
    (folder / "complete").touch()


if __name__ == "__main__":
    for each in sys.argv[1:] or [""]:
        engine(kernel(each))
