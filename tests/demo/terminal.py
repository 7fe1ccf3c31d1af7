"""What the demo writes: chapters, sentences, and commands as they are typed. 80 columns, an empty line after each."""

import os
import sys
import textwrap
from itertools import count

WIDTH = 78
CHAPTERS = count(1)
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if os.environ.get("FORCE_COLOR") else ("", "", "")


def heading(text: str) -> None:
    """The next chapter."""
    print(f"{BOLD}{next(CHAPTERS)}  {text}{PLAIN}\n", flush=True)


def tell(text: str) -> None:
    """Sentences, folded."""
    show(textwrap.fill(text, WIDTH))


def show(text: str) -> None:
    """Lines as they are."""
    print(text.strip("\n") + "\n", flush=True)


def prompt(line: str) -> None:
    """Print a command as its user types it; its output follows."""
    print(f"{DIM}${PLAIN} {BOLD}{line}{PLAIN}", flush=True)


def excerpt(text: str, *heads: str) -> str:
    """The paragraphs that begin with one of these words; dots stand for the others."""
    paragraphs = text.strip().split("\n\n")
    chosen = [paragraph for paragraph in paragraphs if paragraph.startswith(heads)]
    return "\n\n".join(chosen if len(chosen) == len(paragraphs) else ["...", *chosen])


def expect(holds: object, sentence: str) -> None:
    """End the demo with the sentence, unless it holds."""
    if not holds:
        print(f"The demo failed: {sentence}", flush=True)
        sys.exit(1)
