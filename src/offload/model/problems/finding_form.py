"""How bad a finding of `offload check` is, and the form of its sentences."""

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """A problem harms the user now, and `offload check` fails with it. A notice is information only."""

    PROBLEM = "problem"
    NOTICE = "notice"


class Form(NamedTuple):
    """The sentences of a finding. If offload has done something about it, the Finding is a notice without a remedy."""

    severity: Severity  # of the Finding while nothing was done
    text: str  # the sentence, with blanks
    remedy: str = ""  # what the user can do
    done: str = ""  # the sentence if offload acts on it itself; empty: it does not
    option: str = ""  # of `config globals`
