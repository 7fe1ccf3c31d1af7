"""The user's cache of kernels, which all clones share: Debian packages fetched without installing them, and modules."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "offload/kernels"
ENGINE = Path(__file__).with_name("engine")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other builds of the same directory waiting, also those of other clones."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def candidate(package: str) -> str:
    """The version of a package that apt would install, or nothing."""
    answer = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    version = answer.partition("Candidate: ")[2].partition("\n")[0]
    return "" if version == "(none)" else version


def fetch(folder: Path, *packages: str) -> list[Path]:
    """Download packages, which needs neither root nor their installation."""
    command = ["apt-get", "-q", "download", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return sorted(folder.glob("*.deb"))


def make(tree: Path, log: Path, *words: str) -> None:
    """Run make in a kernel's tree; its output goes to the log, and its end is shown where it fails."""
    command = ["make", "-s", "-C", str(tree), f"-j{os.cpu_count()}", *words]
    with log.open("a") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode:
        print(*log.read_text().splitlines()[-40:], sep="\n")
        raise SystemExit(f"`{' '.join(command)}` failed; its output is in {log}")


def engine(kernel: Path, tree: Path, *words: str) -> Path:
    """The emulated hardware of engine/ as a module, in the directory of its kernel; built where its source changed."""
    stamp = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(ENGINE.iterdir()))).hexdigest()[:12]
    folder = kernel / f"engine-{stamp}"
    with locked(folder):
        if not (folder / "engine.ko").exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(ENGINE, folder)
            make(tree, folder / "log", *words, f"M={folder}", "modules")
    return folder / "engine.ko"
