"""Runs a command in a virtual machine with a stock kernel of Debian: `python -m kernel.vm COMMAND...`.

The machine is gone afterwards; what the command writes to build/ stays. Output comes as it is written, the exit
status is the command's own, and a machine that hangs is ended with status 124. Where the machine's kernel dies under
the command, what it said last is shown; with --once-more before the command, all of it is then tried a second time,
for the flowtables of some stock kernels free what they still use (6.12 to this day, in flow_offload_work_handler()).
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from kernel.image import REPOSITORY, pack, python_path

BUILD = REPOSITORY / "build"
LONGEST = float(os.environ.get("OFFLOAD_VM_SECONDS", "3600"))  # a hung guest must not hang who waits for it
TIMED_OUT = 124  # as timeout(1)
DIED = 255  # virtme-ng's, where the machine ended without telling the command's status
LAST_WORDS = 120  # lines
ONCE_MORE = "--once-more"
COMPLAINT = re.compile(r"\b(BUG|WARNING|Oops|stall)\b")
CONSOLE = "-device virtio-serial-pci -device virtconsole,chardev=said"  # virtme-ng sends the serial one nowhere
PAGE_PORT = 8080

# The sysctls of conntrack and flowtables appear in a namespace only when the modules are there.
MODULES = [
    *("bridge", "nf_conntrack", "nf_conntrack_netlink", "nf_flow_table_inet", "nft_ct", "nft_flow_offload"),
    *("nft_masq", "pktgen", "veth"),
]


def kernel() -> Path:
    """The kernel of Debian's linux-image-amd64, or the newest whose release begins with OFFLOAD_KERNEL, as `6.12`."""
    wanted = os.environ.get("OFFLOAD_KERNEL") or _stable()
    kernels = [file for file in Path("/boot").glob("vmlinuz-*") if Path("/lib/modules", file.name[8:]).is_dir()]
    if fitting := [file for file in kernels if file.name[8:].startswith(wanted) or file == Path(wanted)]:
        return max(fitting, key=lambda file: [int(number) for number in re.findall(r"\d+", file.name)])
    raise SystemExit(f"there is no kernel {wanted} in /boot: run `make setup`")


def _stable() -> str:
    # not just the newest in /boot: another one for the hardware tests is there as well
    query = ["dpkg-query", "--show", "--showformat", "${Depends}", "linux-image-amd64"]
    depends = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return depends.removeprefix("linux-image-").partition(" ")[0]


def script(command: list[str]) -> str:
    """What the guest runs, before virtme-ng carries its exit status out."""
    variables = {
        "PATH": "/usr/sbin:/usr/bin",
        "PYTHONPATH": python_path(),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OFFLOAD_IN_VM": "1",
        **{name: value for name, value in os.environ.items() if name == "OFFLOAD_SOAK"},
        "COLUMNS": os.environ.get("COLUMNS", "80"),
        "HOME": "/tmp",  # noqa: S108  # the guest's own, gone with it
    }
    if sys.stdout.isatty():
        variables["FORCE_COLOR"] = "1"  # pytest and the demo know it
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return f"exec 2>&1\nexport {exports}\nmodprobe -a {' '.join(MODULES)}\n{shlex.join(command)}\n"


def processors() -> list[str]:
    """Two processors; with OFFLOAD_ICOUNT one whose clock counts instructions, so that guest time repeats."""
    if os.environ.get("OFFLOAD_ICOUNT"):
        return ["--cpus", "1", "--qemu-opts=-icount shift=1,sleep=off"]
    return ["--cpus", "2"]


def forwarded() -> list[str]:
    """With OFFLOAD_VM_PORT, that port of this machine's loopback leads to PAGE_PORT of the guest, and nothing else."""
    port = os.environ.get("OFFLOAD_VM_PORT")
    network = f"user,id=page,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:{PAGE_PORT}"
    return [f"--qemu-opts=-netdev {network} -device virtio-net-pci,netdev=page"] if port else []


def boot(command: list[str]) -> int:
    """Boot, run, and return the command's exit status."""
    chosen = kernel()
    print(f"vm: booting {chosen.name} (about ten seconds)", flush=True)
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vm-", dir=BUILD) as folder:
        image = pack(Path(folder), BUILD, script(command))
        # Without KVM: it is not there in most CI machines, and where it is a stock kernel may hang in it.
        machine = ["--disable-kvm", "--force-9p", *processors(), *forwarded(), "--memory", "1G", "--user", "root"]
        said = Path(folder, "console")
        log = [f"--qemu-opts=-chardev file,id=said,path={said} {CONSOLE}", "--append=console=hvc0 loglevel=5"]
        disks = ["--root-disk", str(image), "--root-fstype", "ext2", f"--rwdir={BUILD}", f"--cwd={REPOSITORY}"]
        status = _run(["vng", "--run", str(chosen), *machine, *log, *disks, "--", "sh /command.sh"])
        _report(said, died=status == DIED)
        return status


def _report(console: Path, *, died: bool) -> None:
    """Show what the kernel had to say, where it complained of itself or died."""
    words = console.read_text(errors="replace").splitlines() if console.exists() else []
    complaint = next((number for number, line in enumerate(words) if COMPLAINT.search(line)), None)
    if died:
        print("\nvm: the machine died; its kernel said last:", *words[-LAST_WORDS:], sep="\n", flush=True)
    elif complaint is not None:
        print("\nvm: the kernel complained:", *words[complaint:][:LAST_WORDS], sep="\n", flush=True)


def _run(virtme: list[str]) -> int:
    """Run virtme-ng, pass its output on, and end the machine when it takes too long or when we are interrupted."""
    # vng wants its own programs on the path, and opens its standard output anew: a file would be overwritten.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"}
    late = threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(machine.pid, signal.SIGKILL)

    with subprocess.Popen(
        virtme,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as machine:
        timer = threading.Timer(LONGEST, end)
        timer.start()
        try:
            _relay(machine)
        except KeyboardInterrupt:
            end()
            raise
        finally:
            timer.cancel()
    if late.is_set():
        print(f"the virtual machine was ended after {LONGEST:.0f} s", file=sys.stderr)
        return TIMED_OUT
    return machine.returncode


def _relay(machine: subprocess.Popen[bytes]) -> None:
    assert machine.stdout is not None
    while chunk := os.read(machine.stdout.fileno(), 65536):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def main(arguments: list[str]) -> int:
    """The command's exit status."""
    once_more = arguments[:1] == [ONCE_MORE]
    command = arguments[once_more:]
    status = boot(command)
    return boot(command) if status == DIED and once_more else status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us ends the machine as well
    sys.exit(main(sys.argv[1:]))
