"""The known word that is most similar to a wrong one."""

from collections.abc import Iterable

# difflib's ratio that is enough if the first letters are the same (`lam` and `lan`), and if they are not.
SAME_START, OTHER_START = 0.6, 0.8
FORM = "(did you mean '{best}'?)"
LONGEST = 64  # characters; a longer word is not compared


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The text ` (did you mean 'lan'?)` to append to a sentence, with the most similar of the `known` words.

    Empty if none is similar enough, or `word` has more than 64 characters. Upper and lower case do not matter.
    """
    from difflib import SequenceMatcher

    def likeness(other: str) -> float:
        ratio = SequenceMatcher(None, word.lower(), other.lower()).ratio()
        return ratio if ratio >= (SAME_START if word[:1].lower() == other[:1].lower() else OTHER_START) else 0.0

    best = max(known, key=likeness, default="") if len(word) <= LONGEST else ""
    return f" {FORM}".format(best=best) if best and likeness(best) else ""
