"""A machine with a stock kernel of Debian in QEMU, without KVM: the binary that people run, with two processors.

Kernel and modules come out of Debian's packages (stock.py), files out of this machine (image.py); virtme-ng boots it.
"""

import os
import sys
import tempfile
from pathlib import Path

from kernel import stock
from kernel.console import report, run
from kernel.guest import BUILD, REPOSITORY, script
from kernel.image import pack

DIED = 255  # virtme-ng's, where the machine ended without telling the command's status
CONSOLE = "-device virtio-serial-pci -device virtconsole,chardev=guest"  # virtme-ng sends the serial one nowhere

# The sysctls of conntrack and flowtables appear in a namespace only when the modules are there.
MODULES = [
    *("bridge", "nf_conntrack", "nf_conntrack_netlink", "nf_flow_table_inet", "nft_ct", "nft_flow_offload"),
    *("nft_masq", "pktgen", "veth"),
]


def processors() -> list[str]:
    """Two processors; with OFFLOAD_ICOUNT one whose clock counts instructions, so that guest time repeats."""
    if os.environ.get("OFFLOAD_ICOUNT"):
        return ["--cpus", "1", "--qemu-opts=-icount shift=1,sleep=off"]
    return ["--cpus", "2"]


def boot(command: list[str], series: str) -> int:
    """Boot, run, and return the command's exit status, or DIED."""
    chosen = stock.kernel(series)
    engine = stock.engine(chosen)
    print(f"vm: booting {chosen.release} in QEMU (about ten seconds)", flush=True)
    before = f"export PYTHONDONTWRITEBYTECODE=1\nmodprobe -a {' '.join(MODULES)}\n"
    with tempfile.TemporaryDirectory(prefix="vm-", dir=BUILD) as folder:
        image = pack(
            Path(folder), BUILD, engine, script(command, Path("/engine.ko"), path="/usr/sbin:/usr/bin", before=before)
        )
        # Without KVM: it is not there in most CI machines, and where it is a stock kernel may hang in it.
        machine = ["--disable-kvm", "--force-9p", *processors(), "--memory", "1G", "--user", "root"]
        log = Path(folder, "console")
        words = [f"--qemu-opts=-chardev file,id=guest,path={log} {CONSOLE}", "--append=console=hvc0 loglevel=5"]
        disks = ["--root-disk", str(image), "--root-fstype", "ext2", f"--rwdir={BUILD}", f"--cwd={REPOSITORY}"]
        # vng wants its own programs on the path, and opens its standard output anew: a file would be overwritten.
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"}
        status = run(["vng", "--run", str(chosen.image), *machine, *words, *disks, "--", "sh /command.sh"], environment)
        report(log, died=status == DIED)
        return status
