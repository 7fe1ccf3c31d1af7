"""The user's values, made safe for a sentence."""

# A value may be long, or contain control characters for the terminal.
LONGEST_SHOWN = 200


def shown(value: str, longest: int = LONGEST_SHOWN) -> str:
    """The value with `?` for each character that cannot be printed, cut after `longest` characters with `...` there."""
    text = "".join(char if char.isprintable() else "?" for char in value[: longest + 1])
    return text if len(text) <= longest else text[:longest] + "..."
