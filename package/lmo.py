"""Makes of a .po the .lmo from which LuCI reads a translation, byte for byte as OpenWrt's po2lmo does.

An .lmo holds the translations one after the other, each filled up with zeros to a multiple of four bytes, then an index
of what each translates, then where the index begins. Its numbers have four bytes, the most significant first. An entry
of the index is a hash, how many forms the translation has, where this one lies, and its length; entries are in the
order of their hashes, since LuCI seeks by halves. Hash 0 is the rule that chooses among a plural's forms.
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
    """The .lmo of a .po; nothing where it translates nothing."""
    data, index = bytearray(), []
    for key, forms, translated in _entries(text):
        index.append((key, forms, len(data), len(translated)))
        data += translated + bytes(-len(translated) % WORD)
    if not data:
        return b""
    index.sort(key=lambda entry: entry[0])
    return bytes(data) + b"".join(struct.pack(">4I", *entry) for entry in index) + struct.pack(">I", len(data))


def _entries(text: str) -> Iterator[tuple[int, int, bytes]]:
    """Hash, number of forms, and one form, in the order of the .po; a string translated by itself is left out."""
    for message, forms in po.entries(text):
        if not message.text:
            yield from ((0, 0, _bytes(rule)) for rule in RULE.findall(forms[0])[:1])
        elif forms[0]:
            for number, form in enumerate(forms):
                key = hashed(_bytes(f"{message.text}{FORM}{number}" if message.plural else message.text))
                if form and key != hashed(_bytes(form)):
                    yield key, len(forms), _bytes(form)


def _bytes(text: str) -> bytes:
    """As po2lmo leaves it: quotes and backslashes stand for themselves, ends of lines stay as a .po writes them."""
    return text.replace("\n", r"\n").replace("\t", r"\t").encode()


def hashed(data: bytes) -> int:
    """Paul Hsieh's SuperFastHash, begun with the length; a last byte that stands alone has a sign."""
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
    """The hash with the bytes after the last whole word."""
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
