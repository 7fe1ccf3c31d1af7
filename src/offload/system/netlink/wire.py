"""The wire format of netlink: messages and attributes. Pure, no socket.

The headers of messages and attributes are in the machine's byte order; most values of netfilter's subsystems are in
network byte order. Numbers and structures: include/uapi/linux/netlink.h and include/uapi/linux/netfilter/nfnetlink.h.
"""

import errno
import os
import struct
import sys
from collections.abc import Iterator

from offload.model.text.octets import as_bytes
from offload.nouns import dataclass

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
# NFNL_SUBSYS_NFTABLES, the upper byte of a message's type, and the lower one of a message that tells the generation
NFTABLES, NFT_MSG_NEWGEN = 10, 15

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x2, 0x4, 0x10, 0x300
NLM_F_REQUEST_DUMP = NLM_F_REQUEST | NLM_F_DUMP
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF  # the two bits above are NLA_F_NESTED and NLA_F_NET_BYTEORDER

NLMSGHDR = struct.Struct("=IHHII")  # length with this header, type, flags, sequence, port
NLATTR = struct.Struct("=HH")  # length with this header, type
NFGENMSG = struct.Struct("=BBH")  # family, version, resource
ERRNO = struct.Struct("=i")

Message = tuple[int, bytes]  # type, and what follows the header
Attributes = dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """One datagram of the reply to a dump request, parsed.

    `done`: no other datagram follows. `interrupted`: what was dumped changed during the dump (NLM_F_DUMP_INTR), which
    should be made again.
    """

    messages: list[Message]
    done: bool = False
    interrupted: bool = False


def message(kind: int, body: bytes, flags: int = NLM_F_REQUEST_DUMP, number: int = 1) -> bytes:
    """The bytes of a netlink message of type `kind`; with the default flags it requests a dump.

    `body`: the bytes behind the header, attributes included. `number`: the message's sequence number.
    """
    return NLMSGHDR.pack(NLMSGHDR.size + len(body), kind, flags, number, 0) + body


def attribute(kind: int, payload: bytes) -> bytes:
    """The bytes of one netlink attribute of type `kind`, padded to four bytes.

    Its length field does not count the padding.
    """
    return NLATTR.pack(NLATTR.size + len(payload), kind) + payload + bytes(-len(payload) % 4)


def messages(datagram: bytes) -> Iterator[Message]:
    """The messages in a datagram, as (type, body). Reading ends before the first one whose length is not valid."""
    return ((kind, body) for kind, _, body in flagged(datagram))


def flagged(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield the messages in a datagram, as (type, flags, body).

    Reading ends before the first one whose length is not valid.
    """
    at = 0
    while at + NLMSGHDR.size <= len(datagram):
        length, kind, flags, _, _ = NLMSGHDR.unpack_from(datagram, at)
        if length < NLMSGHDR.size or at + length > len(datagram):
            return
        yield kind, flags, datagram[at + NLMSGHDR.size : at + length]
        at += (length + 3) & ~3


def parse(datagram: bytes) -> Part:
    """Parse one datagram of the reply to a dump request. OSError if it has the kernel's refusal.

    OSError with EPROTO for an acknowledgement (NLMSG_ERROR with number 0), which is no valid reply to a dump.
    """
    found: list[Message] = []
    seen = 0
    for kind, flags, body in flagged(datagram):
        seen |= flags
        if kind in {NLMSG_DONE, NLMSG_ERROR}:
            raise_refusal(kind, body)
            return Part(found, True, bool(seen & NLM_F_DUMP_INTR))
        found.append((kind, body))
    return Part(found, interrupted=bool(seen & NLM_F_DUMP_INTR))


def raise_refusal(kind: int, body: bytes) -> None:
    """Raise an OSError for the error number in the body of an NLMSG_ERROR or NLMSG_DONE (`kind`).

    With number 0 an NLMSG_DONE raises nothing, and an NLMSG_ERROR (an acknowledgement) raises EPROTO.
    """
    code = -ERRNO.unpack_from(body)[0] if len(body) >= ERRNO.size else 0
    if code > 0 or kind == NLMSG_ERROR:
        number = code if code > 0 else errno.EPROTO  # an answer to a dump is never an empty NLMSG_ERROR
        raise OSError(number, os.strerror(number))


def attributes(body: bytes, at: int = 0) -> Attributes:
    """The attributes in `body` from offset `at` on: payload by type, nested attributes as bytes.

    If several have the same type, the last is taken. Reading ends before the first attribute whose length is not valid.
    """
    found: Attributes = {}
    head, size, end = NLATTR.unpack_from, NLATTR.size, len(body) - NLATTR.size
    while at <= end:  # as `each`, which would take longer: a ruleset has a million of these
        length, kind = head(body, at)
        if length < size or at + length > end + size:
            break
        found[kind & NLA_TYPE_MASK] = body[at + size : at + length]
        at += (length + 3) & ~3
    return found


def each(body: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield the attributes in `body` from offset `at` on, in their order, as (type, payload).

    The type is without flags, the payload without padding. Nested attributes are bytes. Reading ends before the first
    attribute whose length is not valid.
    """
    while at + NLATTR.size <= len(body):
        length, kind = NLATTR.unpack_from(body, at)
        if length < NLATTR.size or at + length > len(body):
            return
        yield kind & NLA_TYPE_MASK, body[at + NLATTR.size : at + length]
        at += (length + 3) & ~3


def number(value: bytes) -> int:
    """The unsigned number in these bytes (at most the first eight), in the machine's byte order; 0 for no bytes."""
    return int.from_bytes(value[:8], sys.byteorder)


def text(value: bytes) -> str:
    """The text in these bytes, up to a zero byte; bytes that are not UTF-8 become U+FFFD."""
    return value.partition(b"\0")[0].decode("utf-8", "replace")


def device_name(value: bytes | str) -> str:
    r"""The name of a device in these bytes, up to a zero byte, or in this text, as `os` or netifd gives it.

    The kernel allows any bytes but `/`, `:` and blanks. A byte that is not UTF-8 (`\xff`), a character that does not
    print (`\x1b`, `\u009b`), and a backslash (`\\`) are escaped, so that two devices have two names, which terminals
    and JSON can show. The kernel does not know a device by its escaped name, and no name with a backslash gets into nft
    text.
    """
    name = (value if isinstance(value, bytes) else as_bytes(value)).partition(b"\0")[0]
    shown = name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return shown if shown.isprintable() else "".join(map(_escaped, shown))


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    # U+0080 to U+00FF would look like a byte that is no text
    return f"\\u{ord(char):04x}" if "\x80" <= char <= "\xff" else char.encode("unicode_escape").decode()
