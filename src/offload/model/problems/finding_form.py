"""How bad a finding of `offload check` is, and the form of its sentences."""

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """A problem harms the user now, and `offload check` fails with it. A notice is information only."""

    PROBLEM = "problem"
    NOTICE = "notice"


class Form(NamedTuple):
    """The sentences of a kind of finding; the blanks in braces are filled for each one.

    If offload has acted on it already, the Finding is a notice with `done`, and without remedy and option.
    """

    severity: Severity  # of the Finding while nothing was done
    text: str  # the sentence, with blanks
    remedy: str = ""  # what the user can do
    done: str = ""  # the sentence if offload acts on it itself; empty: it does not
    option: str = ""  # of `config globals`
