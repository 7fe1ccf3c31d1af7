"""Any text can be encoded for nft, and bytes of names of files stay as they are."""

import os
import shutil

from hypothesis import given
from hypothesis import strategies as st

from offload.model.text.octets import as_bytes, encodable
from offload.nft.fingerprint import digest
from offload.system.nft.program import Program


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_encoded(text: str) -> None:
    """JSON may have one half of a surrogate pair, which no file's name can give."""
    found = as_bytes(text)
    assert found == os.fsencode(encodable(text)) and len(digest(text)) == 12
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert found == text.encode()


@given(st.binary())
def test_any_name_of_a_file_keeps_its_bytes(name: bytes) -> None:
    assert as_bytes(os.fsdecode(name)) == name


def test_every_half_of_a_pair_reaches_nft_as_a_byte_or_a_question_mark() -> None:
    halves = "".join(map(chr, range(0xD800, 0xE000)))
    code, _, _ = Program(shutil.which("cat") or "cat", 10.0).run((), "a" + halves)
    assert code == 0 and as_bytes(halves) == b"?" * 0x480 + bytes(range(0x80, 0x100)) + b"?" * 0x300
