"""Turn what nft printed on stderr into an NftError: kind of failure, sentence, and places in files. Pure."""

import errno
import os
import re

from offload.errors import NftError, NftFault
from offload.system.nft.program import PACKAGE

LONGEST_SENTENCE = 300  # characters of an error message of nft
PLACE = re.compile(r"^(/[^\n]*?):(\d+):[\d-]+: Error:", re.MULTILINE)
# EOPNOTSUPP in the words of glibc and of musl: the driver can never do it. Every other refusal of the kernel is of this
# moment: a device has gone, or is busy.
NOT_SUPPORTED = re.compile(r"\bnot supported", re.IGNORECASE)
KERNEL_REFUSED = "Could not process rule"
NO_JSON = "JSON support not compiled-in"  # in newer versions behind `Error: ` (main() and nft_run_cmd_from_buffer())
NO_DEVICE = "Interface does not exist"  # of an index by name (ifindex_type_parse(), nftables src/meta.c)
FAMILIES = frozenset({"ip", "ip6", "inet", "arp", "bridge", "netdev"})  # in a command a table's name follows them
# what the second word of a command (`flush set`, `add element`) is about
KINDS = {**{each: each for each in ("set", "map", "chain", "flowtable", "meter")}, "element": "set", "rule": "chain"}
# ENOMEM, ENOBUFS and EMSGSIZE (nft may not enlarge its socket buffer): no line of the text is wrong
NO_ROOM = re.compile(r"Cannot allocate memory|Out of memory|No buffer space|Message too (long|large)")


def complaint(stderr: str) -> NftError:
    """Make the NftError for the text that nft printed on stderr, with sentence, kind of failure and places.

    It is returned, not raised. The places are (path, line) of each `PATH:LINE:...: Error:` with an absolute path.
    """
    places = tuple((path, int(line)) for path, line in PLACE.findall(stderr))
    fault = fault_of(stderr)
    return NftError(sentence(stderr), fault, places, PACKAGE if fault is NftFault.NO_JSON else "")


def fault_of(stderr: str) -> NftFault:
    """The kind of failure, found by the English words that nft printed on stderr.

    The first that fits: NO_JSON (`JSON support not compiled-in`), NOT_PERMITTED (`Operation not permitted`),
    NOT_SUPPORTED (`not supported`), FAILED (no memory or buffer space), KERNEL_REFUSED (`Could not process rule`),
    REFUSED (`Error:`), FAILED (all else).
    """
    if NO_JSON in stderr:
        return NftFault.NO_JSON
    if "Operation not permitted" in stderr:
        return NftFault.NOT_PERMITTED
    if NOT_SUPPORTED.search(stderr):
        return NftFault.NOT_SUPPORTED
    if NO_ROOM.search(stderr):
        return NftFault.FAILED
    if KERNEL_REFUSED in stderr:
        return NftFault.KERNEL_REFUSED
    return NftFault.REFUSED if "Error:" in stderr else NftFault.FAILED


def sentence(stderr: str) -> str:
    """A sentence about what nft printed on stderr: the text behind `Error:` in the first line that has it.

    It has at most 300 characters. Without such a line it is the first line, or `nft failed without a word`. Offload has
    sentences of its own for four errors: no JSON, no permission, a device that nft does not know, and a table, set or
    other object that nft does not find.
    """
    lines = [line for line in stderr.splitlines() if line.strip()]
    at = next((number for number, line in enumerate(lines) if "Error:" in line), 0)
    first = lines[at].strip() if lines else "nft failed without a word"
    if "Operation not permitted" in stderr:
        return "nft may not touch the ruleset: run as root"
    if NO_JSON in stderr:
        return "this nft was built without JSON"
    if NO_DEVICE in first:
        return "a device that the text names does not exist, or no more"
    shown = first.partition("Error:")[2].strip() or first
    if shown == os.strerror(errno.ENOENT):  # nft itself did not find it; the kernel's refusals begin otherwise
        shown = _missing(*lines[at + 1 : at + 3])
    return "".join(char if char.isprintable() else "?" for char in shown[:LONGEST_SENTENCE])


def _missing(command: str = "", marks: str = "") -> str:
    # `command`: the line that nft complains about; `marks`: carets below the word that nft does not find
    begin = marks.find("^")
    word = command[begin : marks.rfind("^") + 1].strip() if begin >= 0 else ""
    if not word:
        return "what nft was asked for does not exist, or no more"
    before = command[:begin].split()
    kind = "table" if before[-1:] and before[-1] in FAMILIES else KINDS.get((*before, "", "")[1], "")
    if word.startswith("@"):
        kind = "set"
    return f"{kind} {word} does not exist, or no more: {command.strip()}".strip()
