"""Changes of the source of user-mode Linux (UML) for the tests' kernels.

They change how the kernel runs as a program on this machine, not how it treats packets. `make stock` runs tests of each
kind on Debian's unchanged kernel in QEMU.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Edit:
    """A text of a kernel's own part of UML and the one that takes its place; it stands in FILE once."""

    file: str
    before: str
    after: str


REGISTERS = (
    "\tif (have_xstate_support) {\n\t\tiov.iov_base = fp_regs;\n\t\tiov.iov_len = FP_SIZE * sizeof(unsigned long);\n"
)
# The host takes a process's registers only at their whole size, which with AMX is four times as large as UML's 2,696
# bytes: then no program starts. What UML keeps is the beginning; the rest stays unused. Linux 6.13 asks for the size.
WHOLE_REGISTERS = Edit(
    "arch/x86/um/os-Linux/registers.c",
    f"\tstruct iovec iov;\n{REGISTERS}",
    "\tstatic unsigned long whole[2048];\n\tstruct iovec iov;\n\tif (have_xstate_support) {\n"
    "\t\t__builtin_memcpy(whole, fp_regs, FP_SIZE * sizeof(unsigned long));\n"
    "\t\tiov.iov_base = whole;\n\t\tiov.iov_len = sizeof(whole);\n",
)
# As Linux 6.11 does it. 6.1 starts the process of a forked address space as a copy of its parent's, and then maps every
# page of it anew, one call for each: most of the time of a fork. A process that begins empty maps what it touches.
EMPTY_FORK = (
    Edit("arch/um/kernel/process.c", "\tforce_flush_all();\n", ""),
    Edit("arch/um/kernel/skas/mmu.c", "\tif (from_mm)\n", "\tif (0)\n"),
    Edit(
        "arch/um/kernel/skas/mmu.c",
        "\tret = init_new_ldt(",
        "\tvoid *begun = NULL;\n\tunmap(&to_mm->id, 0, TASK_SIZE, 1, &begun);\n\n\tret = init_new_ldt(",
    ),
)
EDITS = {"6.1": (WHOLE_REGISTERS, *EMPTY_FORK), "6.12": (WHOLE_REGISTERS,)}


def edit(tree: Path, edits: Sequence[Edit]) -> None:
    """Change the source; SystemExit where a text is not there exactly once, as in a newer source."""
    for each in edits:
        file = tree / each.file
        text = file.read_text()
        if text.count(each.before) != 1:
            raise SystemExit(f"{file}: {each.before!r} is there {text.count(each.before)} times, not once")
        file.write_text(text.replace(each.before, each.after))
