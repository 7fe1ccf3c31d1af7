"""Compile a .po to the .lmo from which LuCI reads a translation, byte for byte as OpenWrt's po2lmo does.

An .lmo holds the translations one after the other, each filled up with zeros to a multiple of four bytes, then an index
of them, then the offset of the index. Its numbers have four bytes, the most significant first. An entry of the index is
the hash of the original string, how many forms the translation has, the offset of this one, and its length. Entries are
sorted by hash, because LuCI uses binary search. Hash 0 is the rule that chooses among a plural's forms.
"""

import re
import struct
from collections.abc import Iterator

from package import po

RULE = re.compile(r"^Plural-Forms: (.*)$", re.MULTILINE | re.IGNORECASE)
FORM = "\2"  # between a string and the number of its plural's form
WORD = 4
MASK = 0xFFFFFFFF


def compiled(text: str) -> bytes:
    """The bytes of the .lmo for the text of a .po; empty if that translates nothing."""
    data, index = bytearray(), []
    for key, forms, translated in _entries(text):
        index.append((key, forms, len(data), len(translated)))
        data += translated + bytes(-len(translated) % WORD)
    if not data:
        return b""
    index.sort(key=lambda entry: entry[0])
    return bytes(data) + b"".join(struct.pack(">4I", *entry) for entry in index) + struct.pack(">I", len(data))


def _entries(text: str) -> Iterator[tuple[int, int, bytes]]:
    """(hash, number of forms, one form) in the order of the .po; without strings whose translation is the same."""
    for message, forms in po.entries(text):
        if not message.text:
            yield from ((0, 0, _bytes(rule)) for rule in RULE.findall(forms[0])[:1])
        elif forms[0]:
            for number, form in enumerate(forms):
                key = hashed(_bytes(f"{message.text}{FORM}{number}" if message.plural else message.text))
                if form and key != hashed(_bytes(form)):
                    yield key, len(forms), _bytes(form)


def _bytes(text: str) -> bytes:
    """A string as po2lmo writes it: newlines and tabs escaped as in a .po, quotes and backslashes not."""
    return text.replace("\n", r"\n").replace("\t", r"\t").encode()


def hashed(data: bytes) -> int:
    """Paul Hsieh's SuperFastHash, with the length as start value; a single last byte is signed."""
    value, odd = len(data), len(data) % WORD
    for low, high in struct.iter_unpack("<HH", data[: len(data) - odd]):
        value = value + low & MASK
        value = value << 16 & MASK ^ high << 11 ^ value
        value = value + (value >> 11) & MASK
    value = _rest(value & MASK, data[len(data) - odd :])
    value = (value ^ value << 3) & MASK
    value = value + (value >> 5) & MASK
    value = (value ^ value << 4) & MASK
    value = value + (value >> 17) & MASK
    value = (value ^ value << 25) & MASK
    return value + (value >> 6) & MASK


def _rest(value: int, rest: bytes) -> int:
    """The hash `value` with the one to three bytes after the last whole word added."""
    match len(rest):
        case 1:
            (last,) = struct.unpack("<b", rest)
            value = value + last & MASK
            value = (value ^ value << 10) & MASK
            return value + (value >> 1) & MASK
        case 2:
            value = value + int.from_bytes(rest, "little") & MASK
            value = (value ^ value << 11) & MASK
            return value + (value >> 17) & MASK
        case 3:
            pair, last = struct.unpack("<Hb", rest)
            value = value + pair & MASK
            value = (value ^ value << 16) & MASK
            value = (value ^ last << 18) & MASK
            return value + (value >> 11) & MASK
    return value
