"""Text with names of files, which may have bytes that are not UTF-8: Python has these as characters of their own."""

import re

# Halves of a pair that stand for no byte, as JSON may have; compiled when needed, for that takes each command 0.6 ms.
NO_BYTES = "[\ud800-\udc7f\udd00-\udfff]"


def encodable(text: str) -> str:
    """The text with `?` for characters that `surrogateescape` cannot encode."""
    return text if text.isascii() else re.sub(NO_BYTES, "?", text)


def as_bytes(text: str) -> bytes:
    """The text in UTF-8; bytes of names of files that are not UTF-8 as they are. Any text can be encoded so."""
    return encodable(text).encode(errors="surrogateescape")
