"""The file format of apk version 3: values in an "ADB" and blocks around it, as apk-tools 3.0 reads and writes them.

An ADB is a run of bytes in which values refer to each other by their offset. A value is 32 bits: the upper four give
its type, the others a small number or the offset of its bytes. Equal bytes are stored once. Integers are little endian.
Source: apk-tools, src/adb.h and src/adb.c; the fields of an object are numbered from 1 as in src/apk_adb.h.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence

Value = int
NULL: Value = 0
SMALL = 1 << 28
INT, INT_32, INT_64 = 0x1 << 28, 0x2 << 28, 0x3 << 28
BLOB_8, BLOB_16, BLOB_32 = 0x8 << 28, 0x9 << 28, 0xA << 28
OBJECT = 0xE << 28
OFFSET = SMALL - 1
HEADER = struct.Struct("<BBHI")  # oldest version that can read it, version, reserved, root value
BLOCK_ADB, BLOCK_DATA = 0, 2
ALIGNMENT = 8


class Adb:
    """Writes an ADB. Each method that adds something gives its Value, with which other values refer to it."""

    def __init__(self) -> None:
        self._bytes = bytearray(HEADER.size)
        self._offsets: dict[bytes, int] = {}

    def blob(self, content: bytes) -> Value:
        """Add bytes, with their length before them; NULL for no bytes."""
        if not content:
            return NULL
        kind, size = next((kind, size) for kind, size in BLOBS if len(content) < 1 << 8 * size)
        return kind | self._stored(len(content).to_bytes(size, "little") + content, size)

    def text(self, content: str) -> Value:
        """Add text, as a blob in UTF-8."""
        return self.blob(content.encode())

    def number(self, number: int) -> Value:
        """Add an unsigned integer; one below SMALL is in the Value itself."""
        if number < SMALL:
            return INT | number
        kind, size = (INT_32, 4) if number < 1 << 32 else (INT_64, 8)
        return kind | self._stored(number.to_bytes(size, "little"), 4)

    def object(self, fields: Sequence[Value]) -> Value:
        """Add an object with these fields, of which the first is number 1, or an array; NULL if all are NULL."""
        count = next((at for at in range(len(fields), 0, -1) if fields[at - 1]), 0)
        if not count:
            return NULL
        return OBJECT | self._stored(struct.pack(f"<{count + 1}I", count + 1, *fields[:count]), 4)

    def room(self, size: int) -> Value:
        """Add a blob of zero bytes that no other value shares, for `fill`."""
        self._align(1)
        self._bytes += bytes([size, *bytes(size)])
        return BLOB_8 | len(self._bytes) - size - 1

    def fill(self, room: Value, content: bytes) -> None:
        """Write `content` into a blob that `room` has added."""
        start = (room & OFFSET) + 1
        self._bytes[start : start + len(content)] = content

    def finish(self, root: Value) -> bytes:
        """The bytes of the ADB with this root value; it can be called again after `fill`."""
        HEADER.pack_into(self._bytes, 0, 0, 0, 0, root)
        return bytes(self._bytes)

    def _stored(self, content: bytes, alignment: int) -> int:
        """The offset of these bytes, which are added unless they are already at an offset with this alignment."""
        offset = self._offsets.get(content)
        if offset is None or offset % alignment:
            self._align(alignment)
            offset = self._offsets[content] = len(self._bytes)
            self._bytes += content
        return offset

    def _align(self, alignment: int) -> None:
        self._bytes += bytes(-len(self._bytes) % alignment)


BLOBS = ((BLOB_8, 1), (BLOB_16, 2), (BLOB_32, 4))


def file(schema: bytes, adb: bytes, data: Iterable[bytes]) -> bytes:
    """The bytes of a file before it is compressed: the four bytes of its schema, the ADB, and blocks of data."""
    return b"".join([b"ADB.", schema, _block(BLOCK_ADB, adb), *(_block(BLOCK_DATA, each) for each in data)])


def compressed(content: bytes) -> bytes:
    """The bytes of a file compressed as apk reads it: raw deflate after the bytes `ADBd`."""
    deflate = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"ADBd" + deflate.compress(content) + deflate.flush()


def _block(kind: int, payload: bytes) -> bytes:
    size = 4 + len(payload)
    return struct.pack("<I", kind << 30 | size) + payload + bytes(-size % ALIGNMENT)
