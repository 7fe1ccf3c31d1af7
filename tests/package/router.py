"""A router in a folder: the smallest OpenWrt in which a package is installed, started, upgraded and removed.

The folder is a root file system with busybox, the scripts of `root/`, and the bus and procd of the stand-ins. Python is
the one that runs the tests, at the paths it has here. Its commands run in namespaces of their own: no process outlives
the test, and nothing of this machine can be reached, least of all its network.
"""

import os
import shutil
import subprocess
import sysconfig
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from kernel.guest import interpreter
from kernel.image import _libraries

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
INFO = Path("usr/lib/opkg/info")
CONTROL = ("conffiles", "control", "preinst", "postinst", "postinst-pkg", "postrm", "prerm", "prerm-pkg")
END = "exit status of that command:"
DIRECTORIES = ("bin", "dev", "etc/rc.d", "proc", "standins", "tmp", "usr/bin", "var/run/ubus", INFO)
# What the interpreter needs, and what the guest of the kernel tests has besides, at the paths they have here.
PYTHON = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib")]
NFT = Path("/sbin/nft")  # the real one, behind the script of root/usr/sbin
DEVICES = ("null", "urandom")
# PATH as OpenWrt's, and Python as silent about bytecode as OpenWrt's (lang/python/python3, patch 004).
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONPATH": f"/standins:{PYTHON[-1]}",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Router:
    """A router that runs: `run` runs a command on it, `files` gives the files of its flash."""

    def __init__(self, root: Path, shell: "subprocess.Popen[str]") -> None:
        self.root, self._shell = root, shell

    def run(self, command: str, status: int = 0) -> str:
        """The output of a command, both streams; its exit status must be the expected one."""
        assert self._shell.stdin and self._shell.stdout
        self._shell.stdin.write(f"( {command}\n) </dev/null 2>&1; printf '\\n{END} %s\\n' $?\n")
        self._shell.stdin.flush()
        printed = ""
        for line in self._shell.stdout:
            if line.startswith(END):
                assert int(line.removeprefix(END)) == status, f"{command}:{line}{printed}"
                return printed.removesuffix("\n")
            printed += line
        raise AssertionError(f"the router died of: {command}\n{printed}")

    def until(self, command: str, seconds: float = 60) -> str:
        """Run a command again and again until it succeeds."""
        deadline = time.monotonic() + seconds
        while self.run(f"{command} >/tmp/last 2>&1; echo $?") != "0\n":
            assert time.monotonic() < deadline, f"{command}: {self.run('cat /tmp/last /tmp/log')}"
            time.sleep(0.1)
        return self.run("cat /tmp/last")

    def files(self) -> dict[str, str]:
        """Every file of the flash with its mode and owner; what lies in /tmp and /var is gone with a reboot."""
        return {
            path.relative_to(self.root).as_posix(): f"{path.lstat().st_mode:o}"
            for path in sorted(self.root.rglob("*"))
            if path.relative_to(self.root).parts[0] not in {"tmp", "var"} and not path.is_dir()
        }

    def holds(self, name: str) -> bool:
        """Whether the package is installed."""
        return bool(self._listed(name))

    def install(self, package: Path) -> str:
        """As opkg does: the old one's prerm and postrm, preinst, the files, postinst; conffiles that are there stay."""
        name = package.name.partition("_")[0]
        old = self._listed(name)
        upgrade = f"PKG_UPGRADE={int(bool(old))}"
        printed = self.run(f"{upgrade} /{INFO}/{name}.prerm upgrade") if old else ""
        if old:
            printed += self.run(f"{upgrade} /{INFO}/{name}.postrm upgrade")
        for gone in set(old) - set(unpack(package, self.root)):
            (self.root / gone[1:]).unlink(missing_ok=True)
        if (self.root / INFO / f"{name}.preinst").exists():  # opkg runs it before it unpacks
            printed += self.run(f"{upgrade} /{INFO}/{name}.preinst install")
        return printed + self.run(f"{upgrade} /{INFO}/{name}.postinst configure")

    def remove(self, name: str) -> str:
        """As opkg does: prerm, the files, postrm, the scripts; conffiles the user has changed would stay."""
        printed = self.run(f"PKG_UPGRADE=0 /{INFO}/{name}.prerm remove")
        for path in self._listed(name):
            (self.root / path[1:]).unlink(missing_ok=True)
        printed += self.run(f"PKG_UPGRADE=0 /{INFO}/{name}.postrm remove")
        for script in (self.root / INFO).glob(f"{name}.*"):
            script.unlink()
        return printed

    def _listed(self, name: str) -> list[str]:
        listing = self.root / INFO / f"{name}.list"
        return listing.read_text().split() if listing.exists() else []


def extract(archive: Path, folder: Path, *but: str) -> None:
    """Unpack with tar(1), without the paths `but`: which members tarfile refuses differs between versions of Python."""
    subprocess.run(["tar", "-xf", archive, "-C", folder, *(f"--exclude={name}" for name in but)], check=True)


def unpack(package: Path, root: Path) -> list[str]:
    """Copy a package's files and scripts to where opkg puts them; an existing conffile stays. Gives the files."""
    name = package.name.partition("_")[0]
    with TemporaryDirectory() as folder:
        unpacked = Path(folder)
        for archive in (package, unpacked / "control.tar.gz"):
            extract(archive, unpacked)
        conffiles = {f"./{line.strip('/')}" for line in (unpacked / "conffiles").read_text().split()}
        with tarfile.open(unpacked / "data.tar.gz") as data:
            files = [member for member in data if not member.isdir()]
        extract(unpacked / "data.tar.gz", root, *(name for name in conffiles if (root / name).exists()))
        for part in CONTROL:
            if (unpacked / part).exists():
                shutil.move(unpacked / part, root / INFO / f"{name}.{part}")
    listed = sorted(member.name.removeprefix(".") for member in files)
    (root / INFO / f"{name}.list").write_text("".join(f"{path}\n" for path in listed))
    return listed


def furnish(root: Path) -> None:
    """Make the folder: directories, busybox under all its names, the scripts of `root/`, the stand-ins."""
    for directory in DIRECTORIES:
        (root / directory).mkdir(parents=True)
    busybox = shutil.which("busybox") or "busybox"
    shutil.copy2(busybox, root / "bin/busybox")
    for name in subprocess.check_output([busybox, "--list"], text=True).split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    shutil.copytree(HERE / "root", root, dirs_exist_ok=True, symlinks=True)
    shutil.copytree(REPOSITORY / "tests" / "standins", root / "standins", dirs_exist_ok=True)
    shutil.copy2(HERE / "procd.py", root / "standins")
    (root / "usr/bin/python3").symlink_to(interpreter())


@contextmanager
def running(root: Path, *shared: Path, flash: str = "") -> Iterator[Router]:
    """The router switched on: a shell, the bus, procd. `shared` are programs of this machine it has besides.

    With `flash`, options of a tmpfs as `size=1m`, the root is a rom under an overlay of that size, gone with the power.
    """
    programs = [interpreter(), NFT, *shared]
    modules = [file for folder in PYTHON[:2] for file in (folder / "lib-dynload").glob("*.so")]
    folders = {*PYTHON, *(library.parent for library in _libraries([*programs, *modules]))}
    mounts = _rom(root, flash) if flash else []
    for folder in folders:
        (root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
    # made once more: what lies in /tmp here is under the router's own /tmp by then
    mounts += [f"mkdir -p {root}{folder} && mount --rbind {folder} {root}{folder}" for folder in sorted(folders)]
    for file in (*(Path("/dev", name) for name in DEVICES), *programs):
        place = root / file.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        mounts.append(f"mount --bind {file} {place}")
    mounts.append(f"mount -t proc proc {root}/proc")
    unshared = ["--mount", "--propagation", "unchanged", "--net", "--pid", "--fork", "--kill-child"]
    namespaces = ["unshare", *(["-r"] if os.geteuid() else []), *unshared]
    script = " && ".join([_private(root.parent), *mounts, f"exec chroot {root} /bin/sh"])
    with subprocess.Popen(
        [*namespaces, "sh", "-c", script],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    ) as shell:
        try:
            router = Router(root, shell)
            router.run("python3 /standins/ubusd.py /var/run/ubus/ubus.sock /etc/replies >/tmp/ubusd 2>&1 &")
            router.until("ubus list")
            router.run("python3 /standins/procd.py >/tmp/procd 2>&1 &")
            router.until("ubus list service")
            yield router
        finally:
            shell.kill()
            _release(root.parent)


def _private(folder: Path) -> str:
    """Keep the mounts to come in this mount namespace; where / is no mount point, as in a plain chroot, in `folder`."""
    of_its_own = f"mount --bind {folder} {folder} && mount --make-private {folder}"
    return f"{{ mount --make-rprivate / 2>/dev/null || {{ {of_its_own}; }}; }}"


def _release(folder: Path) -> None:
    """Unmount `folder` where its mount on itself has reached the namespace that this runs in."""
    if f" {folder} " in Path("/proc/self/mountinfo").read_text():
        subprocess.run(["umount", "-l", folder], check=True)


def _rom(root: Path, flash: str) -> list[str]:
    """As OpenWrt mounts a squashfs: an overlay takes the writes, /tmp and /var are memory."""
    state = root.parent / f"{root.name}.flash"
    state.mkdir(exist_ok=True)
    layers = f"lowerdir={root},upperdir={state}/upper,workdir={state}/work"
    return [
        f"mount -t tmpfs -o {flash} flash {state}",
        f"mkdir {state}/upper {state}/work",
        f"mount -t overlay -o {layers} overlay {root}",
        *(f"mount -t tmpfs memory {root}/{folder}" for folder in ("tmp", "var")),
        f"mkdir -p {root}/var/run/ubus",
    ]
