"""Words of the user's, as they may stand in a sentence."""

# A value comes from the user's file: it may be long, and must not move the reader's cursor.
LONGEST_SHOWN = 200


def shown(value: str, longest: int = LONGEST_SHOWN) -> str:
    text = "".join(char if char.isprintable() else "?" for char in value[: longest + 1])
    return text if len(text) <= longest else text[:longest] + "..."
