"""The severity of a finding of `offload check`, and the form of its sentences."""

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """PROBLEM: something is wrong now, and `offload check` fails. NOTICE: good to know."""

    PROBLEM = "problem"
    NOTICE = "notice"


class Form(NamedTuple):
    """The sentences of one kind of finding, with blanks in braces."""

    severity: Severity  # of the Finding while nothing was done
    text: str  # the sentence, with blanks
    remedy: str = ""  # what the user can do
    done: str = ""  # the sentence if offload acts on it itself; empty: it does not
    option: str = ""  # of `config globals`
